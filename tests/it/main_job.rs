//! The main job, end to end: delete a connection, see everything in the trash, restore it, enter the secrets again.

use crate::support::*;

on_both! {
    fn a_deleted_connection_comes_back_whole_and_asks_for_its_secrets(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        let path = format!("/v1/connections/{id}");
        let before = app.admin.get(&path).ok(200);
        assert_eq!(before["status"], "untested");

        let impact = app.admin.get(&format!("{path}/impact")).ok(200);
        assert_eq!(impact["impact"], json!({"integrations": 0, "connections": 1, "models": 3, "content": 4, "links": 2}));

        let token = impact["plan_token"].as_str().unwrap();
        let entry = app.admin.delete(&format!("{path}?reason=moved&plan_token={token}")).ok(200);
        assert_eq!(entry["state"], "in_trash");
        assert_eq!(entry["restorable"], true);
        app.admin.get(&path).problem(410, "in_trash");

        let entry_path = format!("/v1/trash/{}", entry["id"].as_str().unwrap());
        let restored = app.admin.post(&format!("{entry_path}/restore"), &json!({})).ok(200);
        assert_eq!(restored["restored"], json!({"integrations": 0, "connections": 1, "models": 3, "content": 4, "links": 2}));
        assert_eq!(restored["needs_credentials"], json!(["password"]));
        assert_eq!(restored["connection"]["status"], "needs_credentials");

        app.admin.get(&format!("{path}/secrets")).problem(409, "needs_credentials");
        let entered = app.admin.put(&format!("{path}/secrets"), &json!({"secrets": {"password": "again"}})).ok(200);
        assert_eq!(entered["status"], "untested");
        assert_eq!(app.admin.get(&format!("{path}/secrets")).ok(200)["secrets"]["password"], "again");
    }
}
