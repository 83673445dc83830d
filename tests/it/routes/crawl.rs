//! Finds pages and forms as a person does: by following links from the front page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use scraper::{ElementRef, Html, Selector};

use crate::support::page::Page;
use crate::support::personas::Client;

/// Pages of one kind that are looked at: two cases differ in what they say, not in their forms.
const OF_A_KIND: usize = 4;

/// A form and what it would send if nobody typed anything.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub is_post: bool,
    /// Whether it takes a file.
    pub is_multipart: bool,
    pub fields: Vec<(String, String)>,
    /// Which of the fields take what a person types or picks.
    pub typed: BTreeSet<String>,
    /// Which of these are free text, and come back when the form has to be corrected.
    pub texts: BTreeSet<String>,
}

/// Forms by the kind of page that they lead to.
pub type Forms = BTreeMap<String, Form>;

/// Follows every link that this person is shown, and gathers the forms.
pub async fn forms_of(client: &Client, start: &[&str]) -> Forms {
    let mut forms = Forms::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut visited = BTreeSet::new();
    let mut waiting: VecDeque<String> = start.iter().map(|path| (*path).to_owned()).collect();
    while let Some(path) = waiting.pop_front() {
        let visits = seen.entry(kind_of(&path)).or_default();
        if !visited.insert(path.clone()) || *visits >= OF_A_KIND {
            continue;
        }
        *visits += 1;
        let page = client.get(&path).await;
        assert!(page.status < 500, "{path} is answered {}", page.status);
        if let Some(to) = page.header("location") {
            waiting.push_back(to.to_owned());
        }
        if !page
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
        {
            continue;
        }
        let html = Html::parse_document(&page.body);
        waiting.extend(links(&html));
        for form in html.select(&selector("form")).map(|form| read(form, &path)) {
            let method = if form.is_post { "POST" } else { "GET" };
            forms
                .entry(format!("{method} {}", kind_of(&form.action)))
                .or_insert(form);
        }
    }
    forms
}

/// A path with ids and values left out.
fn kind_of(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let place = |part: &str| {
        let is_id = part.len() > 16 || part.chars().any(|letter| letter.is_ascii_digit());
        // The pages of two policies, which are called by their keys, differ in what they say.
        if is_id || part.contains('.') {
            "…".to_owned()
        } else {
            part.to_owned()
        }
    };
    let mut names: Vec<&str> = query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .collect();
    names.sort_unstable();
    let parts: Vec<String> = path.split('/').map(place).collect();
    format!("{}?{}", parts.join("/"), names.join("&"))
}

fn links(html: &Html) -> Vec<String> {
    html.select(&selector("a[href]"))
        .filter_map(|link| link.attr("href"))
        .filter(|href| href.starts_with('/') || href.starts_with('?'))
        .filter(|href| !href.starts_with("/assets/"))
        .map(|href| href.split('#').next().unwrap_or_default().to_owned())
        .filter(|href| href.starts_with('/'))
        .collect()
}

fn read(form: ElementRef<'_>, page: &str) -> Form {
    let action = form.attr("action").filter(|action| !action.is_empty());
    let mut read = Form {
        action: action
            .unwrap_or(page)
            .split('#')
            .next()
            .unwrap_or_default()
            .to_owned(),
        is_post: form
            .attr("method")
            .is_some_and(|method| method.eq_ignore_ascii_case("post")),
        is_multipart: form.attr("enctype") == Some("multipart/form-data"),
        fields: Vec::new(),
        typed: BTreeSet::new(),
        texts: BTreeSet::new(),
    };
    for field in form.select(&selector(
        "input[name], select[name], textarea[name], button[name]",
    )) {
        let name = field.attr("name").unwrap_or_default().to_owned();
        let kind = field.attr("type").unwrap_or(field.value().name());
        if !matches!(kind, "hidden" | "submit" | "button" | "file") {
            read.typed.insert(name.clone());
        }
        let is_secret = field.attr("autocomplete") == Some("one-time-code");
        if matches!(kind, "text" | "textarea" | "email" | "search" | "input") && !is_secret {
            read.texts.insert(name.clone());
        }
        if kind != "file" {
            read.fields.push((name, value_of(field)));
        }
    }
    read
}

fn value_of(field: ElementRef<'_>) -> String {
    match field.value().name() {
        "textarea" => field.text().collect(),
        "select" => {
            let option = field
                .select(&selector("option[selected]"))
                .next()
                .or_else(|| field.select(&selector("option")).next());
            option
                .and_then(|option| option.attr("value"))
                .unwrap_or_default()
                .to_owned()
        }
        _ => field.attr("value").unwrap_or_default().to_owned(),
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// Sends a form with a file as a browser does: the file's name and its content are both `text`.
async fn upload(client: &Client, action: &str, pairs: &[(&str, &str)], text: &str) -> Page {
    const BOUNDARY: &str = "----signalbox-test-boundary";
    let key = uuid::Uuid::now_v7().to_string();
    let mut body = String::new();
    let hidden = [
        ("csrf", client.csrf.as_str()),
        ("idempotency", key.as_str()),
    ];
    for (name, value) in hidden.iter().chain(pairs) {
        body += &format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    let escaped = text
        .replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    let quoted = text.replace('"', "\"\"");
    body += &format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{escaped}\"\r\n\
         content-type: text/csv\r\n\r\nexternal_id,kind,name\n\"{quoted}\",person,\"{quoted}\"\n\r\n\
         --{BOUNDARY}--\r\n"
    );
    let request = client
        .request(reqwest::Method::POST, action)
        .header("sec-fetch-site", "same-origin")
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(body);
    Page::read(request.send().await.unwrap()).await
}

impl Form {
    /// What of `text` is missing from the form that came back to be corrected: nothing that was typed is lost.
    pub fn lost(&self, page: &Page, field: Option<&str>, text: &str) -> Option<String> {
        let html = Html::parse_document(&page.body);
        let path = self.action.split('?').next().unwrap_or_default();
        let again = html
            .select(&selector("form[method=post]"))
            .find(|form| form.attr("action").is_some_and(|to| to.starts_with(path)))?;
        let plain = |text: &str| {
            text.replace("\r\n", "\n")
                .replace('\r', "\n")
                .trim()
                .to_owned()
        };
        self.texts
            .iter()
            .filter(|name| field.is_none_or(|field| field == *name))
            .find(|name| {
                let found = again
                    .select(&selector("input, textarea"))
                    .filter(|input| input.attr("name") == Some(name.as_str()))
                    .any(|input| plain(&value_of(input)) == plain(text));
                !found
            })
            .cloned()
    }

    /// Sends it with `text` in one of the typed fields, or in all of them.
    pub async fn send(&self, client: &Client, field: Option<&str>, text: &str) -> Page {
        let value = |name: &str, value: &str| {
            let hit = field.map_or_else(|| self.typed.contains(name), |field| field == name);
            if hit {
                text.to_owned()
            } else {
                value.to_owned()
            }
        };
        let pairs: Vec<(String, String)> = self
            .fields
            .iter()
            .filter(|(name, _)| name != "csrf" && name != "idempotency")
            .map(|(name, old)| (name.clone(), value(name, old)))
            .collect();
        if self.is_post {
            let pairs: Vec<(&str, &str)> = pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            if self.is_multipart {
                return upload(client, &self.action, &pairs, text).await;
            }
            return client.post_form(&self.action, &pairs).await;
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        let path = self.action.split('?').next().unwrap_or_default();
        client.get(&format!("{path}?{query}")).await
    }
}
