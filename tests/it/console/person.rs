//! Somebody with a browser: keeps the cookies, sends the forms of the page that is open.

use std::collections::BTreeMap;

use url::form_urlencoded::Serializer;

use crate::support::*;

/// A browser, and the page it shows.
pub(crate) struct Person {
    client: Client,
    cookies: BTreeMap<String, String>,
    /// The page that is open.
    pub(crate) page: Reply,
}

impl Person {
    /// A browser that was never here.
    pub(crate) fn new(app: &TestApp) -> Self {
        let client = app.stranger().with("sec-fetch-site", "same-origin");
        let page = client.get("/console/sign-in");
        let mut person = Self {
            client,
            cookies: BTreeMap::new(),
            page,
        };
        person.keep();
        person
    }

    /// Signed in by a key.
    #[track_caller]
    pub(crate) fn signed_in(app: &TestApp, key: &str) -> Self {
        let mut person = Self::new(app);
        person.post("/console/sign-in", &[("secret.key", key)]);
        assert_eq!(person.page.status, 200, "{:#?}", person.page);
        assert!(person.page.text.contains("Sign out"), "{:#?}", person.page);
        person
    }

    /// Signed in by a key that may see none of the pages.
    pub(crate) fn signed_in_to_nothing(app: &TestApp, key: &str) -> Self {
        let mut person = Self::new(app);
        person.post("/console/sign-in", &[("secret.key", key)]);
        assert_eq!(person.page.status, 403, "{:#?}", person.page);
        person
    }

    /// Signed in by the key that may do everything.
    #[track_caller]
    pub(crate) fn admin(app: &TestApp) -> Self {
        Self::signed_in(app, app.admin.key())
    }

    /// Opens a page, wherever it leads to.
    pub(crate) fn open(&mut self, path: &str) -> &Reply {
        self.page = self.with_cookies().get(path);
        self.keep();
        while let Some(to) = self.moved() {
            self.page = self.with_cookies().get(&to);
            self.keep();
        }
        &self.page
    }

    /// The same browser, on another page.
    pub(crate) fn from(&self, page: &str) -> Self {
        Self {
            client: self.client.with("referer", page),
            cookies: self.cookies.clone(),
            page: self.page.clone(),
        }
    }

    /// What is answered, wherever it leads to.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.with_cookies().get(path)
    }

    /// The same without its body.
    pub(crate) fn head(&self, path: &str) -> Reply {
        self.with_cookies().send("HEAD", path, None)
    }

    /// Sends a form with the token of the page that is open, and goes where it leads to.
    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> &Reply {
        let token = self.token();
        self.page = self.send(path, &token, fields);
        self.keep();
        match self.moved() {
            Some(to) => self.open(&to),
            None => &self.page,
        }
    }

    /// The same, and stays at the answer.
    pub(crate) fn send(&self, path: &str, token: &str, fields: &[(&str, &str)]) -> Reply {
        let body = Serializer::new(String::new())
            .append_pair("csrf", token)
            .extend_pairs(fields)
            .finish();
        self.with_cookies()
            .with("content-type", "application/x-www-form-urlencoded")
            .send("POST", path, Some(body))
    }

    /// The token of the page that is open.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let found = self.page.text.split("name=\"csrf\" value=\"").nth(1);
        found
            .unwrap_or_else(|| panic!("no form: {:#?}", self.page))
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Whether the page that is open says this, as a person reads it: tags left out, white space as one blank.
    pub(crate) fn reads(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// The page that is open as a person reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.page.text.chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        let text = text
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&lt;", "<")
            .replace("&#62;", ">")
            .replace("&gt;", ">")
            .replace("&#38;", "&")
            .replace("&amp;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The addresses that the page links to.
    pub(crate) fn links(&self) -> Vec<String> {
        let parts = self.page.text.split("href=\"").skip(1);
        parts
            .map(|part| part.split('"').next().unwrap().to_owned())
            .collect()
    }

    /// Forgets the cookies.
    pub(crate) fn forget(&mut self) {
        self.cookies.clear();
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    fn with_cookies(&self) -> Client {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return self.client.clone();
        }
        self.client.with("cookie", &pairs.join("; "))
    }

    fn moved(&self) -> Option<String> {
        (self.page.status == 303).then(|| self.page.header("location").unwrap().to_owned())
    }

    fn keep(&mut self) {
        for (_, cookie) in self
            .page
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
