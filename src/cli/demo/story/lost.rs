//! How something is lost.

use serde_json::{Value, json};

use super::{Lost, SCRIPT, Sample};
use crate::cli::demo::bytes;
use crate::cli::demo::client::Call;
use crate::cli::demo::sample;
use crate::cli::demo::scene::{Scene, expect, note, words};
use crate::cli::demo::tables;

pub(super) fn make(scene: &mut Scene) -> anyhow::Result<Sample> {
    words(
        "A connection is a configured system with its secrets. Models and content are built on it; links lead from \
         dashboards to charts.\nThis is the company's warehouse:",
    )?;
    let password = secret(scene);
    let body = sample::postgres(sample::WAREHOUSE, &password);
    let call = Call::post("/v1/connections", body);
    let made = scene.call(&call, 201, &["/id", "/name", "/status"])?;
    let warehouse = made.text("/id")?;
    let path = format!("/v1/connections/{warehouse}");
    let models = Call::post(format!("{path}/models/batch"), sample::models());
    let made = scene.call(&models, 201, &[])?;
    note(&format!("   {} models", made.rows("/data")?.len()))?;
    let content = Call::post(format!("{path}/content/batch"), sample::content());
    let made = scene.call(&content, 201, &[])?;
    note(&format!("   {} content", made.rows("/data")?.len()))?;

    words(
        "An integration is one OAuth client that several connections share. This one has two, each with a token of its own:",
    )?;
    let client_secret = secret(scene);
    let call = Call::post("/v1/integrations", sample::integration(&client_secret));
    scene.call(&call, 201, &["/key", "/name"])?;
    let mut crm = Vec::new();
    for name in sample::CRM {
        let token = secret(scene);
        let call = Call::post("/v1/connections", sample::member(name, &token));
        crm.push(
            scene
                .call(&call, 201, &["/id", "/name", "/status"])?
                .text("/id")?,
        );
    }
    let mut branches = Vec::new();
    for name in sample::BRANCHES {
        let password = secret(scene);
        let call = Call::post("/v1/connections", sample::postgres(name, &password));
        branches.push(scene.quiet(&call, 201)?.text("/id")?);
    }
    words(&format!(
        "And, made like the warehouse, {} connections to the databases of its branches: {}.",
        branches.len(),
        sample::BRANCHES.join(", "),
    ))?;
    scene.show_tables()?;
    let sealed = tables::sealed(&scene.services)?;
    let records: Vec<&[u8]> = sealed
        .iter()
        .map(|sealed| bytes::own(&sealed.record))
        .collect();
    let typed: Vec<&[u8]> = scene.typed.iter().map(String::as_bytes).collect();
    let (in_files, in_plain) = (
        bytes::found(scene.folder(), &records)?,
        bytes::found(scene.folder(), &typed)?,
    );
    words(&format!(
        "Secrets are sealed before they are stored. Looking for {} of them in the database's files: {in_files} are there \
         sealed, {in_plain} in plain text.",
        records.len(),
    ))?;
    expect(
        in_files == records.len() && records.len() == typed.len(),
        || "not every sealed secret is in the files".to_owned(),
    )?;
    expect(in_plain == 0, || {
        "a secret is there in plain text".to_owned()
    })?;
    let rows = tables::rows_of(&scene.services, &warehouse)?;
    Ok(Sample {
        warehouse,
        branches,
        crm,
        rows,
    })
}

/// The plan's token, with what would go.
pub(super) struct Plan {
    token: String,
    impact: Value,
}

pub(super) fn look(scene: &mut Scene, sample: &Sample) -> anyhow::Result<Plan> {
    words(
        "The impact says what a deletion would take along. Its token stands for exactly that: with it a deletion is \
         refused if anything has changed since.",
    )?;
    let call = Call::get(format!("/v1/connections/{}/impact", sample.warehouse));
    let answer = scene.call(
        &call,
        200,
        &["/impact", "/references", "/secrets", "/plan_token"],
    )?;
    let impact = answer.at("/impact")?.clone();
    let wanted = json!({
        "integrations": 0, "connections": 1, "models": sample::MODELS, "content": sample::CONTENT, "links": sample::LINKS,
    });
    expect(impact == wanted, || {
        format!("the impact is {impact}, not {wanted}")
    })?;
    let counted = sample::MODELS + sample::CONTENT + sample::LINKS;
    expect(i64::try_from(sample.rows.len())? == counted, || {
        format!(
            "the tables have {} rows, the impact {counted}",
            sample.rows.len()
        )
    })?;
    note(&format!(
        "   the tables have {} models, content and links of it; nothing has changed yet",
        sample.rows.len()
    ))?;
    let token = answer.text("/plan_token")?;
    Ok(Plan { token, impact })
}

pub(super) fn delete(scene: &mut Scene, sample: &Sample, plan: &Plan) -> anyhow::Result<Lost> {
    let before = tables::sealed(&scene.services)?;
    let own: Vec<_> = before
        .into_iter()
        .filter(|sealed| sealed.owner_id == sample.warehouse)
        .collect();
    let [password] = own.as_slice() else {
        anyhow::bail!("the warehouse has {} sealed secrets", own.len());
    };
    words("A colleague's script takes the warehouse for a leftover. It calls in its own name:")?;
    let call = Call::delete(format!(
        "/v1/connections/{}?reason=clean-up&plan_token={}",
        sample.warehouse, plan.token
    ))
    .by(SCRIPT);
    let parts = [
        "/id",
        "/state",
        "/deleted_by",
        "/purge_at",
        "/impact",
        "/secrets/shredded",
    ];
    let entry = scene.call(&call, 200, &parts)?;
    for (part, name) in [
        ("connections", "trash_connections"),
        ("models", "trash_models"),
        ("content", "trash_content"),
        ("links", "trash_links"),
    ] {
        let (told, moved) = (
            entry.number(&format!("/impact/{part}"))?,
            scene.tables.change(&scene.services, name)?,
        );
        expect(
            told == moved && plan.impact.get(part) == Some(&json!(told)),
            || format!("{told} {part} were told, {moved} are in {name}"),
        )?;
    }
    words(
        "One transaction has moved all rows into the trash's own tables. The secret went with none of them:",
    )?;
    scene.show_tables()?;
    let after = tables::slot(&scene.services, password.slot)?;
    words(&format!(
        "The sealed password in slot {}, its first bytes before and after:\n    {}\n    {}",
        password.slot,
        bytes::first(&password.record),
        bytes::first(&after),
    ))?;
    expect(after.iter().all(|byte| *byte == 0), || {
        "the slot is not zeros".to_owned()
    })?;
    scene.shredded.push(password.clone());
    Ok(Lost {
        entry: entry.text("/id")?,
        deleted_at: entry.text("/deleted_at")?,
    })
}

pub(super) fn reuse_name(scene: &mut Scene, sample: &Sample, lost: &Lost) -> anyhow::Result<()> {
    words("Who asks for the connection is told where it is:")?;
    let call = Call::get(format!("/v1/connections/{}", sample.warehouse));
    let gone = scene.call(&call, 410, &["/code", "/next", "/entry_id"])?;
    expect(gone.text("/entry_id")? == lost.entry, || {
        "it names another entry".to_owned()
    })?;
    words(
        "What is in the trash is in nobody's way. Somebody who misses the warehouse makes a new one under the same name:",
    )?;
    let password = secret(scene);
    let body = sample::postgres(sample::WAREHOUSE, &password);
    let call = Call::post("/v1/connections", body);
    let made = scene.call(&call, 201, &["/id", "/name", "/status"])?;
    expect(made.text("/id")? != sample.warehouse, || {
        "it is the old one".to_owned()
    })?;
    scene.show_tables()
}

/// A fresh secret; it is looked for in the end.
pub(super) fn secret(scene: &mut Scene) -> String {
    let secret = sample::secret();
    scene.typed.push(secret.clone());
    secret
}
