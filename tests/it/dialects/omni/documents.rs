//! Documents are content: list and delete.

use super::kit::*;
use crate::support::*;

on_both! {
    fn content_is_listed_as_documents_in_pages(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        for index in 0..7 {
            let kind = if index == 0 { "dashboard" } else { "workbook" };
            content(&app.admin, &id, &json!({"name": format!("doc {index}"), "kind": kind, "external_id": format!("slug-{index}")}));
        }
        let plain = content(&app.admin, &id, &json!({"name": "plain"}));
        app.admin.delete("/api/v1/documents/slug-3").ok(200);
        let live = walk(&app.admin, "/api/v1/documents?pageSize=2", "identifier");
        assert_eq!(live.len(), 7);
        assert!(live.iter().all(|document| document["deleted"] == false));
        for sort in ["name", "updatedAt", "favorites", "visits"] {
            for direction in ["asc", "desc"] {
                let all = walk(&app.admin, &format!("/api/v1/documents?include=includeDeleted&pageSize=3&sortField={sort}&sortDirection={direction}"), "identifier");
                assert_eq!(all.len(), 8);
                let deleted: Vec<_> = all.iter().filter(|document| document["deleted"] == true).map(|document| document["identifier"].clone()).collect();
                assert_eq!(deleted, ["slug-3"]);
            }
        }
        let all = walk(&app.admin, "/api/v1/documents?include=_count,labels&sortField=name&sortDirection=asc", "identifier");
        assert_eq!((&all[0]["hasDashboard"], &all[1]["hasDashboard"]), (&json!(true), &json!(false)));
        assert_eq!((&all[0]["_count"], &all[0]["labels"]), (&json!({"favorites": 0, "views": 0}), &json!([])));
        assert_eq!(all[6]["identifier"], json!(plain));
        let url = all[6]["url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/v1/content/{plain}")), "{url}");
        for query in ["folderId=x", "creatorId=x", "userId=x", "labels=a", "include=onlyFavorites", "include=onlySharedWithMe,_count"] {
            assert_eq!(walk(&app.admin, &format!("/api/v1/documents?{query}"), "identifier").len(), 0, "{query}");
        }
        assert_eq!(refused(&app.admin.get("/api/v1/documents?include=everything"), 400), "Bad Request: include: Expected some of: _count, labels, includeDeleted, onlyFavorites, onlySharedWithMe.");
    }

    fn a_document_is_deleted_by_its_identifier_and_restored_through_the_native_api(app: &TestApp) {
        let id = create(&app.admin, &postgres("warehouse"));
        let slug = content(&app.admin, &id, &json!({"name": "a", "external_id": "a/b c"}));
        let plain = content(&app.admin, &id, &json!({"name": "b"}));
        assert_eq!(app.admin.delete("/api/v1/documents/a%2Fb%20c").ok(200), json!({"success": true}));
        assert_eq!(app.admin.delete(&format!("/api/v1/documents/{plain}")).ok(200), json!({"success": true}));
        // What is in the trash is not there, whoever asks: the original has no 410 here.
        assert_eq!(refused(&app.admin.delete("/api/v1/documents/a%2Fb%20c"), 404), "Document with id a/b c does not exist");
        for gone in [&slug, &plain] {
            assert_eq!(refused(&app.admin.delete(&format!("/api/v1/documents/{gone}")), 404), format!("Document with id {gone} does not exist"));
        }
        let entries = app.admin.get("/v1/trash?kind=content").ok(200)["data"].clone();
        for entry in entries.as_array().unwrap() {
            app.admin.post(&format!("/v1/trash/{}/restore", entry["id"].as_str().unwrap()), &json!({})).ok(200);
        }
        app.admin.get(&format!("/v1/content/{slug}")).ok(200);
        // By the id, too, although it has an external one.
        app.admin.delete(&format!("/api/v1/documents/{slug}")).ok(200);
        app.admin.get(&format!("/v1/content/{plain}")).ok(200);
    }

    fn an_identifier_that_means_several_documents_deletes_none(app: &TestApp) {
        let ids = ["a", "b"].map(|name| create(&app.admin, &postgres(name)));
        let twins = ids.clone().map(|id| content(&app.admin, &id, &json!({"name": "twin", "external_id": "twin"})));
        let plain = content(&app.admin, &ids[0], &json!({"name": "plain"}));
        let disguised = content(&app.admin, &ids[0], &json!({"name": "disguised", "external_id": plain}));
        let expected = "Several documents have this identifier: delete by the id, which is the end of the document's url.";
        for identifier in ["twin", &plain] {
            assert_eq!(refused(&app.admin.delete(&format!("/api/v1/documents/{identifier}")), 409), expected);
        }
        for id in twins.iter().chain([&plain, &disguised]) {
            app.admin.get(&format!("/v1/content/{id}")).ok(200);
        }
        app.admin.delete(&format!("/api/v1/documents/{}", twins[0])).ok(200);
        app.admin.delete("/api/v1/documents/twin").ok(200);
        app.admin.get(&format!("/v1/content/{}", twins[1])).problem(410, "in_trash");
        app.admin.delete(&format!("/api/v1/documents/{disguised}")).ok(200);
        app.admin.delete(&format!("/api/v1/documents/{plain}")).ok(200);
    }
}
