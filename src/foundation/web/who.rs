use askama::Template;
use askama::filters::HtmlSafe;

/// Who somebody is, for those who decide about them. Names are not unique and addresses are, so both stand. Printing it
/// in a template draws "Ada (ada@example.org)", with the name apart from what goes on behind it.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "components/who.html")]
pub struct Who {
    pub name: String,
    /// Nothing for who is no person, such as the command line.
    pub email: Option<String>,
}

/// Everything in it is escaped by its own template.
impl HtmlSafe for Who {}

impl Who {
    #[must_use]
    pub fn person(name: String, email: String) -> Self {
        Self {
            name,
            email: Some(email),
        }
    }

    #[must_use]
    pub fn other(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            email: None,
        }
    }

    /// "Ada <ada@example.org>", for files.
    #[must_use]
    pub fn plain(&self) -> String {
        match &self.email {
            Some(email) => format!("{} <{email}>", self.name),
            None => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_apart_and_the_address_beside_it() {
        let who = Who::person("שרה <b>".to_owned(), "sarah@example.org".to_owned());
        let drawn = who.render().unwrap();
        assert!(drawn.starts_with("<bdi>שרה &#60;b&#62;</bdi>"), "{drawn}");
        assert!(drawn.contains("(sarah@example.org)"), "{drawn}");
        assert_eq!(who.plain(), "שרה <b> <sarah@example.org>");
        assert_eq!(
            Who::other("the command line (root)").plain(),
            "the command line (root)"
        );
    }
}
