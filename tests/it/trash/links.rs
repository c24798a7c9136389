//! Links between content: broken by a deletion, back with the restore that makes both ends live again.

use super::*;

on_both! {
    fn a_trashed_chart_tells_whose_links_it_broke_and_brings_them_back(app: &TestApp) {
        let connection = connection(app, "prod");
        let chart = content(app, &connection, "chart", json!({}));
        let other = super::connection(app, "other");
        let near = content(app, &connection, "near", json!({"links": link_to(&[&chart])}));
        let far = content(app, &other, "far", json!({"links": link_to(&[&chart])}));
        let before = whole(app, &other);
        let entry_id = delete(app, &format!("content/{chart}"));

        assert_eq!(
            entry(app, &entry_id)["broken_links"],
            json!([
                {"content_id": near, "name": "near", "connection_id": connection},
                {"content_id": far, "name": "far", "connection_id": other},
            ])
        );
        assert_eq!(links_of(app, &near), [""; 0]);
        let restored = restore(app, &entry_id);
        assert_eq!((&restored["restored"]["links"], &restored["not_restored"]), (&json!(2), &json!([])));
        assert_eq!(links_of(app, &near), [chart.as_str()]);
        assert_eq!(whole(app, &other), before);
        assert_eq!(entry(app, &entry_id)["broken_links"], json!([]));
    }

    fn a_link_between_two_entries_comes_back_with_the_second_of_them(app: &TestApp) {
        for (chart_first_out, chart_first_back) in [(true, true), (true, false), (false, true), (false, false)] {
            let connection = connection(app, &format!("prod {chart_first_out} {chart_first_back}"));
            let chart = content(app, &connection, "chart", json!({}));
            let board = content(app, &connection, "board", json!({"links": link_to(&[&chart])}));
            let before = app.admin.get(&format!("/v1/content/{board}/links")).ok(200);
            let mut order = [&chart, &board];
            if !chart_first_out {
                order.reverse();
            }
            let mut entries = order.map(|row| delete(app, &format!("content/{row}")));
            if chart_first_out != chart_first_back {
                entries.reverse();
            }
            let [first, second] = entries;
            assert_eq!(restore(app, &first)["restored"]["links"], 0);
            assert_eq!(rows(app, "trash_links", "1 = 1"), 1);
            let last = restore(app, &second);
            assert_eq!((&last["restored"]["links"], &last["not_restored"]), (&json!(1), &json!([])));
            assert_eq!(app.admin.get(&format!("/v1/content/{board}/links")).ok(200), before);
            assert_eq!(rows(app, "trash_links", "1 = 1"), 0);
        }
    }

    fn a_link_between_two_connections_survives_the_deletion_of_both(app: &TestApp) {
        let one = connection(app, "one");
        let two = connection(app, "two");
        let chart = content(app, &one, "chart", json!({}));
        let board = content(app, &two, "board", json!({"links": link_to(&[&chart])}));
        content(app, &one, "loop", json!({"links": link_to(&[&board, &chart])}));
        let first = delete(app, &format!("connections/{one}"));
        let second = delete(app, &format!("connections/{two}"));
        assert_eq!(restore(app, &first)["restored"]["links"], 1);
        let first_again = delete(app, &format!("connections/{one}"));
        assert_eq!(restore(app, &second)["restored"]["links"], 0);
        assert_eq!(restore(app, &first_again)["restored"]["links"], 3);
        assert_eq!(links_of(app, &board), [chart]);
    }

    fn a_link_that_was_re_pointed_meanwhile_is_not_revived(app: &TestApp) {
        let connection = connection(app, "prod");
        let old = content(app, &connection, "old", json!({}));
        let new = content(app, &connection, "new", json!({}));
        let board = content(app, &connection, "board", json!({"links": link_to(&[&old])}));
        let entry_id = delete(app, &format!("content/{old}"));
        app.admin.patch(&format!("/v1/content/{board}"), &json!({"links": link_to(&[&new])})).ok(200);
        assert_eq!(entry(app, &entry_id)["broken_links"], json!([]));

        assert_eq!(restore(app, &entry_id)["restored"]["links"], 0);
        assert_eq!(links_of(app, &board), [new]);
    }

    fn a_change_that_leaves_the_links_alone_keeps_the_broken_ones(app: &TestApp) {
        let connection = connection(app, "prod");
        let chart = content(app, &connection, "chart", json!({}));
        let board = content(app, &connection, "board", json!({"links": link_to(&[&chart])}));
        let entry_id = delete(app, &format!("content/{chart}"));
        app.admin.patch(&format!("/v1/content/{board}"), &json!({"name": "renamed", "body": {"n": 1}})).ok(200);
        assert_eq!(restore(app, &entry_id)["restored"]["links"], 1);
        assert_eq!(links_of(app, &board), [chart]);
    }

    fn a_link_whose_other_end_was_purged_is_reported(app: &TestApp) {
        let connection = connection(app, "prod");
        let chart = content(app, &connection, "chart", json!({}));
        let gone = content(app, &connection, "gone", json!({}));
        let board = content(app, &connection, "board", json!({"links": link_to(&[&chart, &gone])}));
        let of_board = delete(app, &format!("content/{board}"));
        let of_gone = delete(app, &format!("content/{gone}"));
        purge(app, &of_gone, "gone");

        let restored = restore(app, &of_board);
        assert_eq!(restored["restored"]["links"], 1);
        assert_eq!(
            restored["not_restored"],
            json!([{"kind": "link", "count": 1, "reason": "the other end is gone for good"}])
        );
        assert_eq!(links_of(app, &board), [chart]);
        assert_eq!(rows(app, "trash_links", "1 = 1"), 0);
    }
}
