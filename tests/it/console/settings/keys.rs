//! API keys.

use super::*;

const NEW: &str = "/console/settings/keys/new";
const KEYS: &str = "/console/settings/keys";

on_both! {
    fn a_key_is_shown_once_and_may_do_what_was_ticked(app: &TestApp) {
        let mut person = Person::admin(app);
        person.open(NEW);
        person.post(KEYS, &[("name", "Bot <b>\"x\"</b>"), ("expires", "2099-01-31"), ("scope", "trash:read"), ("scope", "connections:read")]);
        assert_eq!(person.page.status, 200, "{}", person.text());
        assert!(person.reads("It is shown this once") && person.page.header("cache-control") == Some("no-store"));
        let key = shown(&person, "key");
        let secret = key.rsplit('_').next().unwrap().to_owned();
        let client = app.stranger().with("authorization", &format!("Bearer {key}"));
        client.get("/v1/trash").ok(200);
        client.get("/v1/webhooks").problem(403, "missing_scope");
        assert!(!kept_to_tell(app).contains(&secret));

        person.open(KEYS);
        assert!(person.reads("Bot <b>\"x\"</b>") && !person.page.text.contains("Bot <b>"), "a name is text: {}", person.text());
        assert!(person.reads("connections:read trash:read") && person.reads("31 Jan 2099, 23:59 UTC"), "{}", person.text());
        for page in [KEYS, NEW, "/console/activity?what=keys"] {
            person.open(page);
            assert!(!person.page.text.contains(&secret), "{page}");
        }
    }

    fn wrong_input_keeps_what_was_typed(app: &TestApp) {
        let mut person = Person::admin(app);
        for (name, expires, scopes, said) in [
            ("Bot", "2020-01-01", &["trash:read"][..], "The expiry must lie in the future."),
            ("Bot", "soon", &["trash:read"], "Write the day as year-month-day"),
            ("Bot", "", &[], "Tick what the key may do."),
            ("  ", "2099-01-01", &["trash:read"], "must not begin or end with white space"),
            ("Bot", "", &["trash:burn"], "One of the scopes is not known"),
        ] {
            person.open(NEW);
            let mut fields = vec![("name", name), ("expires", expires)];
            fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
            assert_eq!(person.post(KEYS, &fields).status, 422, "{said}");
            assert!(person.reads(said) && person.page.text.contains("class=\"error\""), "{said}: {}", person.text());
            assert!(person.page.text.contains(&format!("value=\"{name}\"")) && person.page.text.contains(&format!("value=\"{expires}\"")), "{said}");
            assert_eq!(person.page.text.matches(" checked>").count(), scopes.iter().filter(|scope| **scope == "trash:read").count(), "{said}");
        }
        assert_eq!(app.sql().count("api_keys"), 1, "none was made");
    }

    fn a_key_gives_away_no_more_than_it_holds(app: &TestApp) {
        let mut person = Person::signed_in(app, app.client(&["keys:admin", "connections:read"]).key());
        person.open(NEW);
        for (scope, offered) in [("keys:admin", true), ("connections:read", true), ("trash:purge", false), ("*", false)] {
            assert_eq!(person.page.text.contains(&format!("name=\"scope\" value=\"{scope}\"")), offered, "{scope}");
        }
        for scope in ["trash:purge", "*"] {
            person.open(NEW);
            assert_eq!(person.post(KEYS, &[("name", "more"), ("scope", scope)]).status, 422);
            assert!(person.reads("A key can't be given more than the caller's key holds."), "{}", person.text());
        }
        let mut person = Person::admin(app);
        person.open(NEW);
        assert!(person.page.text.contains("name=\"scope\" value=\"*\""));
    }

    fn revoking_asks_first_and_ends_the_key_at_once(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "old <i>", "scopes": ["trash:read"]})).ok(201);
        let client = app.stranger().with("authorization", &format!("Bearer {}", made["key"].as_str().unwrap()));
        let mut person = Person::admin(app);
        person.open(KEYS);
        let path = format!("{KEYS}/{}/revoke", id_of(&made));
        assert!(person.links().contains(&path));
        person.open(&path);
        assert!(person.reads("old <i>") && person.reads("It was never used.") && !person.reads("You are signed in by this key"), "{}", person.text());
        client.get("/v1/trash").ok(200);
        person.post(&path, &[]);
        assert!(person.reads("The key 'old <i>' was revoked") && person.reads("Revoked"), "{}", person.text());
        assert!(!person.links().contains(&path));
        client.get("/v1/trash").problem(401, "unauthenticated");
        person.open(&path);
        assert!(person.reads("is revoked already"), "{}", person.text());
        assert_eq!(person.open(&format!("{KEYS}/nothing/revoke")).status, 404);
    }

    fn revoking_the_own_key_says_so_and_ends_the_session(app: &TestApp) {
        let made = app.admin.post("/v1/api-keys", &json!({"name": "mine", "scopes": ["*"]})).ok(201);
        let mut person = Person::signed_in(app, made["key"].as_str().unwrap());
        let path = format!("{KEYS}/{}/revoke", id_of(&made));
        person.open(&path);
        assert!(person.reads("You are signed in by this key: revoking it ends this session"), "{}", person.text());
        person.post(&path, &[]);
        assert!(person.reads("API key") && !person.reads("Sign out"), "{}", person.text());
        person.open(KEYS);
        assert!(!person.reads("Sign out"));
    }
}
