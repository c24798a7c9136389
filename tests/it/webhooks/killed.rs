//! kill -9 between sending and writing it down.

use super::*;
use crate::support::process::Machine;

/// The sender dies while the receiver has the message and nobody has written that down: it comes again.
fn a_message_whose_sender_was_killed_comes_again(machine: &Machine, sql: &mut Sql) {
    let served = machine.serve(&["--allow-cidrs", "127.0.0.0/8"]);
    let key = machine
        .run(&["key", "create", "--name", "test", "--scope", "*"])
        .ok();
    let key = key
        .split_whitespace()
        .find(|word| word.starts_with("rpv_"))
        .unwrap()
        .to_owned();
    let client = served.client(&key);
    let receiver = Receiver::start(&[Say::Hang, TAKEN]);
    let endpoint = endpoint(&client, &receiver, &["connection.created"]);
    connect(&client, "warehouse");
    receiver.waits_for(1);
    served.kill();
    assert_eq!(
        sql.count("webhook_deliveries WHERE leased_until IS NOT NULL AND attempts = 0"),
        1
    );
    sql.run("UPDATE webhook_deliveries SET leased_until = '2020-01-01T00:00:00.000000Z'");

    let served = machine.serve(&["--allow-cidrs", "127.0.0.0/8"]);
    let client = served.client(&key);
    let got = receiver.waits_for(2);
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
    assert_eq!(got[1].signatures_by(&endpoint.secret), 1);
    TestApp::wait_for("the end", || {
        endpoint.deliveries(&client)[0]["state"] == "delivered"
    });
    assert_eq!(endpoint.deliveries(&client).len(), 1);
    served.stop();
}

#[test]
fn what_a_killed_server_had_sent_comes_again_under_its_id_on_sqlite() {
    let machine = Machine::new();
    machine.run(&["migrate"]).ok();
    a_message_whose_sender_was_killed_comes_again(&machine, &mut machine.database());
}

#[test]
fn what_a_killed_server_had_sent_comes_again_under_its_id_on_postgres() {
    let database = TestDatabase::create();
    let machine = Machine::new().with("REPRIEVE_DATABASE_URL", &database.url);
    let url = reprieve::store::DatabaseUrl::parse(&database.url).unwrap();
    a_message_whose_sender_was_killed_comes_again(&machine, &mut Sql::open(&url));
}
