//! An answer, found the way a person finds things: by heading, label and text.

use scraper::{ElementRef, Html, Selector};

/// An answer with its body read.
pub struct Page {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

/// A form field.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: String,
    pub value: String,
}

impl Page {
    pub async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.header("location")
            .unwrap_or_else(|| panic!("no redirect but {}: {}", self.status, self.text()))
    }

    /// The main heading.
    pub fn heading(&self) -> String {
        self.texts("h1").into_iter().next().unwrap_or_default()
    }

    /// Everything that is written, without mark-up.
    pub fn text(&self) -> String {
        squeeze(self.html().root_element().text())
    }

    pub fn says(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// What is written in each element that matches.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let html = self.html();
        html.select(&parse(selector)).map(text_of).collect()
    }

    /// The field that a visible label names.
    pub fn field(&self, label: &str) -> Field {
        field_of(labelled(&self.html(), label).unwrap_or_else(|| self.lacks(label)))
    }

    /// The value of what a labelled list offers under this text.
    pub fn option(&self, label: &str, text: &str) -> String {
        let html = self.html();
        let list = labelled(&html, label).unwrap_or_else(|| self.lacks(label));
        let options = parse("option");
        let found = list.select(&options).find(|it| text_of(*it) == text);
        let found = found.unwrap_or_else(|| panic!("\"{label}\" does not offer \"{text}\""));
        found.attr("value").unwrap_or_default().to_owned()
    }

    fn lacks(&self, label: &str) -> ! {
        panic!("no field \"{label}\" on {}", self.heading())
    }

    pub fn has_field(&self, label: &str) -> bool {
        self.texts("label").iter().any(|found| found == label)
    }

    /// The fields of the form that posts to `action`, hidden ones too.
    pub fn form(&self, action: &str) -> Vec<(String, String)> {
        let html = self.html();
        let form = html
            .select(&parse("form"))
            .find(|form| form.attr("action") == Some(action) && form.attr("method") == Some("post"))
            .unwrap_or_else(|| panic!("no form posts to {action} on {}", self.heading()));
        form.select(&parse("input, textarea"))
            .map(field_of)
            .map(|field| (field.name, field.value))
            .collect()
    }

    /// What stands in a field of the form that posts to `action`, hidden or not.
    pub fn given(&self, action: &str, name: &str) -> String {
        let found = self.form(action).into_iter().find(|(it, _)| it == name);
        let (_, value) = found.unwrap_or_else(|| panic!("{action} takes no {name}"));
        value
    }

    /// Where the forms of the page post to.
    pub fn actions(&self) -> Vec<String> {
        let html = self.html();
        html.select(&parse("form[method=post]"))
            .filter_map(|form| form.attr("action"))
            .map(str::to_owned)
            .collect()
    }

    /// Where the link with this text leads.
    pub fn link(&self, text: &str) -> String {
        let html = self.html();
        html.select(&parse("a"))
            .find(|link| text_of(*link) == text)
            .and_then(|link| link.attr("href"))
            .unwrap_or_else(|| panic!("no link \"{text}\" on {}", self.heading()))
            .to_owned()
    }

    pub fn has_button(&self, text: &str) -> bool {
        self.texts("button").iter().any(|found| found == text)
    }

    /// The rows of the table with this caption, cell by cell.
    pub fn table(&self, caption: &str) -> Vec<Vec<String>> {
        let html = self.html();
        let table = html
            .select(&parse("table"))
            .find(|table| {
                table
                    .select(&parse("caption"))
                    .any(|found| text_of(found) == caption)
            })
            .unwrap_or_else(|| panic!("no table \"{caption}\" on {}", self.heading()));
        table
            .select(&parse("tbody tr"))
            .map(|row| row.select(&parse("th, td")).map(text_of).collect())
            .collect()
    }

    /// The value that stands beside a term of a definition list.
    pub fn definition(&self, term: &str) -> String {
        let html = self.html();
        html.select(&parse("dl > div"))
            .find(|pair| pair.select(&parse("dt")).any(|dt| text_of(dt) == term))
            .and_then(|pair| pair.select(&parse("dd")).next())
            .map_or_else(
                || panic!("no term \"{term}\" on {}", self.heading()),
                text_of,
            )
    }

    fn html(&self) -> Html {
        Html::parse_document(&self.body)
    }
}

/// The text of a page without the keys of its forms, which are fresh in each rendering.
pub fn without_keys(body: &str) -> String {
    const KEYS: [&str; 2] = ["name=\"idempotency\" value=\"", "data-key=\""];
    KEYS.into_iter().fold(body.to_owned(), |text, marker| {
        let mut parts = text.split(marker);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            text + marker + part.split_once('"').map_or(part, |(_, rest)| rest)
        })
    })
}

/// What a label with this text belongs to.
fn labelled<'a>(html: &'a Html, label: &str) -> Option<ElementRef<'a>> {
    let fields = parse("input, select, textarea");
    let label = html
        .select(&parse("label"))
        .find(|found| text_of(*found) == label)?;
    match label.attr("for") {
        Some(id) => html
            .select(&fields)
            .find(|field| field.attr("id") == Some(id)),
        None => label.select(&fields).next(),
    }
}

fn parse(selector: &str) -> Selector {
    Selector::parse(selector).unwrap()
}

fn text_of(element: ElementRef<'_>) -> String {
    squeeze(element.text())
}

fn squeeze<'a>(pieces: impl Iterator<Item = &'a str>) -> String {
    let joined: String = pieces.collect();
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn field_of(element: ElementRef<'_>) -> Field {
    let value = if element.value().name() == "textarea" {
        element.text().collect()
    } else {
        element.attr("value").unwrap_or_default().to_owned()
    };
    Field {
        name: element.attr("name").unwrap_or_default().to_owned(),
        kind: element.attr("type").unwrap_or_default().to_owned(),
        value,
    }
}
