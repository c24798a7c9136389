//! The code in a link: what a GET does, what an exchange does, where links lead.

use super::*;

on_both! {
    fn looking_at_a_link_uses_nothing_up_and_tells_nothing(app: &TestApp) {
        let id = restored(app, "secret plans");
        let link = link(&app.admin, &id);
        let seen: Vec<Reply> = (0..3).map(|_| browser(app, None).get(&link.path)).collect();
        for page in &seen {
            assert_eq!(page.status, 200, "{page:#?}");
            assert_eq!(page.header("set-cookie"), None);
            assert_eq!(page.text, seen[0].text);
            for word in ["secret plans", "Exasol", "Password", HINT, &id, &link.id, &link.code] {
                assert!(!page.text.contains(word), "{word}: {page:#?}");
            }
        }
        let other = super::link(&app.admin, &restored(app, "other"));
        assert_eq!(browser(app, None).get(&other.path).text, seen[0].text, "the page is the same for all");
        follow(app, &link);
    }

    fn a_code_works_once(app: &TestApp) {
        let id = restored(app, "once");
        let link = link(&app.admin, &id);
        let cookie = follow(app, &link);
        let second = press(app, &link);
        is_gone(&second);
        assert_eq!(second.header("set-cookie"), None);
        is_gone(&browser(app, None).get(&link.path));
        assert_eq!(look(app, &cookie).status, 200, "the first exchange still counts");
    }

    fn of_many_who_press_at_once_one_gets_in(app: &TestApp) {
        let id = restored(app, "crowd");
        for _ in 0..5 {
            let link = link(&app.admin, &id);
            let barrier = std::sync::Barrier::new(6);
            let replies: Vec<Reply> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            press(app, &link)
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let inside = replies.iter().filter(|reply| reply.status == 303).count();
            assert_eq!(inside, 1, "{replies:#?}");
            replies.iter().filter(|reply| reply.status != 303).for_each(is_gone);
        }
    }

    fn every_code_that_does_not_work_gets_the_same_page(app: &TestApp) {
        let id = restored(app, "alike");
        let expired = link(&app.admin, &id);
        app.sql().run("UPDATE connect_sessions SET expires_at = '2020-01-01T00:00:00.000000Z'");
        let replaced = link(&app.admin, &id);
        let ended = link(&app.admin, &id);
        app.admin.delete(&path_of(&id)).ok(200);
        let used = link(&app.admin, &id);
        follow(app, &used);
        let flip = |code: &str| {
            let (cut, last) = code.split_at(code.len() - 1);
            format!("{cut}{}", if last == "0" { '1' } else { '0' })
        };
        let unknown = used.code.replace(&used.id.replace('-', ""), &uuid::Uuid::now_v7().simple().to_string());
        let mut pages = Vec::new();
        for code in [expired.code, replaced.code, ended.code, used.code.clone(), flip(&used.code), unknown, "nonsense".to_owned(), app.admin.key().to_owned()] {
            let path = format!("/enter/{code}");
            let posted = press(app, &Link { id: String::new(), code, path: path.clone() });
            for reply in [browser(app, None).get(&path), posted] {
                is_gone(&reply);
                pages.push(reply.text);
            }
        }
        pages.push(browser(app, None).get("/enter").text);
        assert!(pages.iter().all(|page| *page == pages[0]));
    }

    fn a_new_link_ends_the_one_before(app: &TestApp) {
        let id = restored(app, "again");
        let first = link(&app.admin, &id);
        let cookie = follow(app, &first);
        let second = link(&app.admin, &id);
        is_gone(&look(app, &cookie));
        let third = link(&app.admin, &id);
        is_gone(&press(app, &second));
        follow(app, &third);
    }

    fn a_link_can_be_ended(app: &TestApp) {
        let id = restored(app, "ended");
        assert_eq!(app.admin.delete(&path_of(&id)).ok(200), json!({"connection_id": id, "ended": 0}));
        let (before, after) = (link(&app.admin, &id), "ended");
        assert_eq!(app.admin.delete(&path_of(&id)).ok(200)[after], 1);
        is_gone(&press(app, &before));
        let cookie = follow(app, &link(&app.admin, &id));
        assert_eq!(app.admin.delete(&path_of(&id)).ok(200)[after], 1);
        is_gone(&look(app, &cookie));
        assert_eq!(app.admin.delete(&path_of(&id)).ok(200)[after], 0);
    }

    fn what_a_request_says_of_its_host_leads_no_link_anywhere(app: &TestApp) {
        let id = restored(app, "host");
        let made = app.admin.with("host", "evil.example").with("x-forwarded-host", "evil.example").send("POST", &path_of(&id), None).ok(201);
        assert!(made["url"].as_str().unwrap().starts_with(&format!("http://{}/enter/", app.address())), "{made}");
    }

    fn a_connection_in_the_trash_gets_no_link(app: &TestApp) {
        let id = connection(&app.admin, "gone");
        let entry = app.delete_connection(&id);
        for method in ["POST", "DELETE"] {
            assert_eq!(app.admin.send(method, &path_of(&id), None).problem(410, "in_trash")["entry_id"], entry);
        }
        app.client(&["secrets:write"]).send("POST", &path_of(&id), None).problem(404, "not_found");
    }

    fn another_organization_has_no_way_to_a_link(app: &TestApp) {
        let (north, south) = (app.other_organization("north"), app.other_organization("south"));
        let ours = connection(&north, "ours");
        let theirs = connection(&south, "theirs");
        let link = link(&north, &ours);
        for method in ["POST", "DELETE"] {
            south.send(method, &path_of(&ours), None).problem(404, "not_found");
        }
        let their_org = south.key().split('_').nth(1).unwrap();
        let our_org = north.key().split('_').nth(1).unwrap();
        let code = link.code.replace(our_org, their_org);
        is_gone(&press(app, &Link { id: String::new(), path: format!("/enter/{code}"), code }));
        let cookie = follow(app, &link);
        is_gone(&look(app, &cookie.replace(our_org, their_org)));
        assert!(look(app, &cookie).text.contains("ours"));
        assert_eq!(south.get(&format!("/v1/connections/{theirs}")).ok(200)["version"], 1);
    }
}

#[test]
fn behind_https_links_lead_to_the_public_url_and_cookies_are_secure() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = TestApp::start_with(backend, |config| {
            config.public_url = Some("https://reprieve.example.com/trash/".parse().unwrap());
        });
        let id = restored(&app, "public");
        let made = app.admin.send("POST", &path_of(&id), None).ok(201);
        let code = made["code"].as_str().unwrap().to_owned();
        assert_eq!(
            made["url"],
            format!("https://reprieve.example.com/trash/enter/{code}")
        );
        let link = Link {
            id: String::new(),
            path: format!("/enter/{code}"),
            code,
        };
        let pressed = press(&app, &link);
        assert_eq!(
            (pressed.status, pressed.header("location")),
            (303, Some("/trash/enter"))
        );
        let cookie = pressed.header("set-cookie").unwrap();
        assert!(
            cookie.starts_with("__Secure-reprieve-reentry=rpc_"),
            "{cookie}"
        );
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Strict; Secure")
                && cookie.contains("; Path=/trash/enter; "),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap();
        assert_eq!(look(&app, cookie).status, 200);
        is_gone(&look(&app, cookie.trim_start_matches("__Secure-")));
    }
}
