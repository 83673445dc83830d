//! A browser that keeps its cookies and fills in the forms it is shown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::app::TestApp;
use super::page::Page;

pub struct Browser {
    pub cookies: RefCell<BTreeMap<String, String>>,
    http: reqwest::Client,
    url: String,
}

impl TestApp {
    pub fn browser(&self) -> Browser {
        self.browser_at(Ipv4Addr::LOCALHOST)
    }

    /// A browser on another machine: the whole of 127.0.0.0/8 is ours to come from.
    pub fn browser_at(&self, address: Ipv4Addr) -> Browser {
        Browser {
            cookies: RefCell::default(),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .local_address(std::net::IpAddr::V4(address))
                .no_proxy()
                .build()
                .unwrap(),
            url: self.url.clone(),
        }
    }
}

impl Browser {
    pub async fn get(&self, path: &str) -> Page {
        self.send(reqwest::Method::GET, path, None).await
    }

    /// Follows redirects, as opening an address does.
    pub async fn open(&self, path: &str) -> Page {
        let mut page = self.get(path).await;
        for _ in 0..5 {
            if page.status != 303 {
                break;
            }
            let next = page.location().to_owned();
            page = self.get(&next).await;
        }
        page
    }

    /// Sends the form of `page` that posts to `action`, with some fields filled in.
    pub async fn submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = page.form(action);
        for (name, value) in fields {
            match all.iter_mut().find(|(field, _)| field == name) {
                Some(field) => (*value).clone_into(&mut field.1),
                None => panic!("the form to {action} has no field {name}"),
            }
        }
        self.post(action, &all).await
    }

    pub async fn post(&self, path: &str, fields: &[(String, String)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(reqwest::Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<String>) -> Page {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        let cookies: Vec<String> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(body) = body {
            request = request
                .header("sec-fetch-site", "same-origin")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        Page::read(response).await
    }

    fn keep(&self, cookie: &str) {
        let pair = cookie.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap();
        if cookie.contains("Max-Age=0") {
            self.cookies.borrow_mut().remove(name);
        } else {
            self.cookies
                .borrow_mut()
                .insert(name.to_owned(), value.to_owned());
        }
    }
}
