//! The list of connections, and what is done with one.

use super::*;

on_both! {
    fn the_list_tells_of_each_connection_what_it_is_and_what_hangs_on_it(app: &TestApp) {
        let id = app.sample_connection("Warehouse <b>");
        app.admin.post("/v1/connections", &postgres_connection("empty")).ok(201);
        let mut person = Person::admin(app);
        person.open("/console/connections");
        assert!(person.reads("Warehouse <b>") && person.reads("PostgreSQL"), "{}", person.text());
        assert!(!person.page.text.contains("Warehouse <b>"), "a name is text");
        assert!(person.reads("Not tested") && person.reads("3 models and 4 pieces of content"), "{}", person.text());
        assert!(person.links().contains(&format!("/console/connections/{id}")));
        person.open("/console/connections?q=wAREh");
        assert!(person.reads("Warehouse <b>") && !person.reads("empty"));
        person.open("/console/connections?q=%22%3E%3Cscript%3E");
        assert!(person.reads("No connections match") && !person.page.text.contains("\"><script>"));
    }
}
