//! How it ends.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::Sample;
use crate::cli::InWords as _;
use crate::cli::demo::bytes;
use crate::cli::demo::client::Call;
use crate::cli::demo::scene::{Scene, expect, note, words};
use crate::cli::demo::tables;
use crate::cli::verify::render;
use crate::service::verify;

/// Promise 4: within 60 seconds.
const LOOKS: usize = 120;
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn purge(scene: &mut Scene, sample: &Sample) -> anyhow::Result<()> {
    words("Two branches have closed. This time the deletion is meant:")?;
    let mut entries = Vec::new();
    for id in sample.branches.iter().take(2) {
        let call = Call::delete(format!("/v1/connections/{id}?reason=closed"));
        entries.push(scene.call(&call, 200, &["/id", "/root/name", "/purge_at"])?);
    }
    let Some(entry) = entries.first() else {
        anyhow::bail!("there are no branches");
    };
    let name = entry.text("/root/name")?;
    let path = format!("/v1/trash/{}", entry.text("/id")?);
    words(
        "Both could stay in the trash until their date. One shall go now: that takes the exact name, and there is no way back.",
    )?;
    let confirm = |name: &str| Call::post(format!("{path}/purge"), json!({ "confirm": name }));
    scene.call(&confirm("the old shop"), 422, &["/code", "/next"])?;
    let purged = scene.call(&confirm(&name), 200, &["/state", "/closed_at"])?;
    expect(purged.text("/state")? == "purged", || {
        "it is not purged".to_owned()
    })?;
    let call = Call::post(format!("{path}/restore"), json!({}));
    scene.call(&call, 409, &["/code", "/next"])?;
    words(
        "Its rows are gone; the entry stays as the record of it. The other branch is still in the trash:",
    )?;
    scene.show_tables()
}

pub(super) fn erased(scene: &mut Scene) -> anyhow::Result<()> {
    words(
        "Shredding makes a secret unusable at once. Old copies of a page may stay in the database's write-ahead log for a moment; the eraser cuts it, and only then an entry says `erasure: done`.",
    )?;
    let call = Call::get("/v1/trash?state=any&page_size=200");
    let mut looks = 0;
    while with(scene.quiet(&call, 200)?.rows("/data")?, "pending") > 0 {
        looks += 1;
        expect(looks < LOOKS, || {
            "an erasure is not done after a minute".to_owned()
        })?;
        thread::sleep(PAUSE);
    }
    let answer = scene.call(&call, 200, &[])?;
    let rows = answer.rows("/data")?;
    let (done, none) = (with(rows, "done"), with(rows, "none"));
    expect(done > 0 && done + none == rows.len(), || {
        "an erasure is pending again".to_owned()
    })?;
    note(&format!(
        "   {done} entries with erasure: done, {none} that had no secrets to erase"
    ))?;

    let shredded: Vec<&[u8]> = scene
        .shredded
        .iter()
        .map(|sealed| bytes::own(&sealed.record))
        .collect();
    let live = tables::sealed(&scene.services)?;
    let live: Vec<&[u8]> = live
        .iter()
        .map(|sealed| bytes::own(&sealed.record))
        .collect();
    let typed: Vec<&[u8]> = scene.typed.iter().map(String::as_bytes).collect();
    let folder = scene.folder();
    let (of_shredded, of_live, of_typed) = (
        bytes::found(folder, &shredded)?,
        bytes::found(folder, &live)?,
        bytes::found(folder, &typed)?,
    );
    words(&format!(
        "Looking for any 12 bytes in a row of them, in every file of the database:\n    \
         {of_shredded} of {} shredded secrets, as they had been stored\n    \
         {of_live} of {} live ones, sealed: the search finds what is there\n    \
         {of_typed} of {} secrets as they were typed: none ever was in a file",
        shredded.len(),
        live.len(),
        typed.len(),
    ))?;
    expect(of_shredded == 0, || {
        "bytes of a shredded secret are left".to_owned()
    })?;
    expect(!live.is_empty() && of_live == live.len(), || {
        "the search does not find what is there".to_owned()
    })?;
    expect(of_typed == 0, || {
        "a secret is in a file in plain text".to_owned()
    })
}

/// How many of the entries say this of their erasure.
fn with(entries: &[Value], erasure: &str) -> usize {
    entries
        .iter()
        .filter(|entry| entry.pointer("/secrets/erasure") == Some(&json!(erasure)))
        .count()
}

pub(super) fn verify(scene: &mut Scene) -> anyhow::Result<()> {
    words("`reprieve verify` compares the whole database with what the service promises. Here:")?;
    let report = verify::verify(&scene.services).in_words()?;
    note(&render(&report))?;
    expect(
        !report.checks.is_empty() && report.checks.iter().all(|check| check.problems.is_empty()),
        || "a promise is broken".to_owned(),
    )
}
