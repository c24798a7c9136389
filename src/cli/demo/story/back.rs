//! How it comes back.

use serde_json::{Value, json};

use super::lost::secret;
use super::{Lost, SCRIPT, Sample};
use crate::cli::demo::bytes;
use crate::cli::demo::client::Call;
use crate::cli::demo::sample;
use crate::cli::demo::scene::{Scene, expect, note, words};
use crate::cli::demo::tables;

pub(super) fn undo(scene: &mut Scene, sample: &Sample, lost: &Lost) -> anyhow::Result<()> {
    remember(scene, &sample.branches)?;
    words("The script goes on with the branches: with the warehouse that makes ten.")?;
    let body = json!({"ids": sample.branches, "reason": "clean-up"});
    let call = Call::post("/v1/connections/delete", body).by(SCRIPT);
    let answer = scene.call(&call, 200, &["/deleted", "/failed", "/impact"])?;
    let branches = i64::try_from(sample.branches.len())?;
    expect(answer.number("/deleted")? == branches, || {
        "not all were deleted".to_owned()
    })?;
    scene.show_tables()?;

    words(
        "One call brings back what this actor has deleted since that moment. Each entry has an outcome of its own:",
    )?;
    let filter = json!({"filter": {"deleted_by": SCRIPT, "deleted_after": lost.deleted_at}});
    let answer = scene.call(
        &Call::post("/v1/trash/restore", filter),
        200,
        &["/restored", "/failed"],
    )?;
    let mut taken = None;
    for row in answer.rows("/data")? {
        let part = |pointer: &str| {
            row.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, outcome) = (part("/name"), part("/outcome"));
        let code = part("/problem/code");
        note(&format!("   {name:<14} {outcome} {code}"))?;
        if code == "name_taken" {
            taken = Some((part("/entry_id"), part("/problem/suggested_name")));
        }
    }
    expect(
        (answer.number("/restored")?, answer.number("/failed")?) == (branches, 1),
        || format!("of ten entries {branches} should be back"),
    )?;
    let (entry, free) = match taken {
        Some((entry, free)) if entry == lost.entry => (entry, free),
        _ => anyhow::bail!("the warehouse's name should be the one that is taken"),
    };
    words(
        "The warehouse's name is taken by now; a free one is suggested. Nothing is guessed, so somebody says it:",
    )?;
    let call = Call::post(
        format!("/v1/trash/{entry}/restore"),
        json!({ "name": free }),
    );
    let answer = scene.call(
        &call,
        200,
        &[
            "/connection/name",
            "/connection/status",
            "/restored",
            "/needs_credentials",
        ],
    )?;
    expect(answer.text("/connection/id")? == sample.warehouse, || {
        "it has another id".to_owned()
    })?;
    let rows = tables::rows_of(&scene.services, &sample.warehouse)?;
    let same = rows.iter().filter(|row| sample.rows.contains(row)).count();
    words(&format!(
        "Compared with what stood there before, column by column: {same} of {} models, content and links are the same, \
         with their ids, bodies and dates.",
        sample.rows.len(),
    ))?;
    expect(rows == sample.rows, || {
        "the rows are not those that were deleted".to_owned()
    })?;
    scene.show_tables()
}

pub(super) fn inert(scene: &mut Scene, sample: &Sample) -> anyhow::Result<()> {
    words(
        "Everything came back but the secrets: those were shredded. A restored connection reaches nothing until somebody enters them again.",
    )?;
    let path = format!("/v1/connections/{}", sample.warehouse);
    let answer = scene.call(&Call::get(path.clone()), 200, &["/name", "/status"])?;
    expect(answer.text("/status")? == "needs_credentials", || {
        "it is ready for use".to_owned()
    })?;
    let answer = scene.call(
        &Call::get(format!("{path}/secrets")),
        409,
        &["/code", "/next", "/missing"],
    )?;
    expect(*answer.at("/missing")? == json!(["password"]), || {
        "something else is missing".to_owned()
    })
}

pub(super) fn enter(scene: &mut Scene, sample: &Sample) -> anyhow::Result<()> {
    let password = secret(scene);
    let path = format!("/v1/connections/{}/secrets", sample.warehouse);
    words("Somebody who knows it enters the password:")?;
    let body = json!({"secrets": {"password": password}});
    let answer = scene.call(&Call::put(path.clone(), body), 200, &["/name", "/status"])?;
    expect(answer.text("/status")? == "untested", || {
        "it should be untested".to_owned()
    })?;
    let read = scene.quiet(&Call::get(path), 200)?;
    expect(read.body.to_string().contains(&password), || {
        "what was entered is not what is read".to_owned()
    })?;
    note("   reading the secrets works again and gives what was entered")?;
    scene.show_tables()
}

pub(super) fn together(scene: &mut Scene, sample: &Sample) -> anyhow::Result<()> {
    let mut owners = sample.crm.clone();
    let integration = scene.quiet(
        &Call::get(format!("/v1/integrations/{}", sample::INTEGRATION)),
        200,
    )?;
    owners.push(integration.text("/id")?);
    remember(scene, &owners)?;
    words(
        "Deleting an integration takes all its connections along, as one entry with three secrets shredded:",
    )?;
    let call = Call::delete(format!("/v1/integrations/{}", sample::INTEGRATION));
    let entry = scene.call(
        &call,
        200,
        &["/id", "/root/kind", "/impact", "/secrets/shredded"],
    )?;
    expect(entry.number("/secrets/shredded")? == 3, || {
        "not three secrets were shredded".to_owned()
    })?;
    scene.show_tables()?;
    words("And one restore brings all of them back:")?;
    let call = Call::post(
        format!("/v1/trash/{}/restore", entry.text("/id")?),
        json!({}),
    );
    let answer = scene.call(&call, 200, &["/restored", "/needs_credentials"])?;
    expect(
        (
            answer.number("/restored/integrations")?,
            answer.number("/restored/connections")?,
        ) == (1, 2),
        || "not all of it came back".to_owned(),
    )?;
    for id in &sample.crm {
        let live = scene.quiet(&Call::get(format!("/v1/connections/{id}")), 200)?;
        note(&format!(
            "   {} {}",
            live.text("/name")?,
            live.text("/status")?
        ))?;
    }
    scene.show_tables()
}

/// Keeps the sealed secrets of what is about to be deleted, to look for them in the end.
pub(super) fn remember(scene: &mut Scene, owners: &[String]) -> anyhow::Result<()> {
    let sealed = tables::sealed(&scene.services)?;
    let own: Vec<_> = sealed
        .into_iter()
        .filter(|sealed| owners.contains(&sealed.owner_id))
        .collect();
    expect(own.len() == owners.len(), || {
        format!("{} owners have {} secrets", owners.len(), own.len())
    })?;
    let records: Vec<&[u8]> = own
        .iter()
        .map(|sealed| bytes::own(&sealed.record))
        .collect();
    let found = bytes::found(scene.folder(), &records)?;
    expect(found == own.len(), || {
        "a live secret is not in the files".to_owned()
    })?;
    scene.shredded.extend(own);
    Ok(())
}
