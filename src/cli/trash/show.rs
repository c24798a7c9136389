//! `reprieve trash show`

use super::{find, list::with_it, shape};
use crate::cli::output::{plain, say, table};
use crate::cli::people::answers::keeping::Hold;
use crate::cli::people::answers::{Blocker, Entry, Item, Link, User};
use crate::cli::people::backend::{Backend, PageAsk};
use crate::cli::people::moments::{shown, until};
use crate::cli::people::pages::{self, Listed};
use crate::cli::people::words::{counted_one, facts, person, quoted};
use crate::cli::people::{Failure, Outcome, Reach};
use crate::config::Config;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::RootKind;

/// How many items of a kind are shown.
const ITEMS: u32 = 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The entry's id, or the name of what was deleted
    entry: String,
    /// As the API's JSON, without the items
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let id = find(&*backend, &args.entry)?;
    let text = backend.entry(id)?;
    if args.json {
        say(&text)?;
        return Ok(Outcome::Done);
    }
    let entry: Entry = pages::read(&text)?;
    let mut parts = vec![about(&entry, Ts::now())];
    if !entry.holds.is_empty() {
        parts.push(format!("Holds:\n{}", holds(&entry.holds)));
    }
    if !entry.uses.callers.is_empty() {
        parts.push(format!(
            "Called for since it was deleted:\n{}",
            users(&entry.uses.callers)
        ));
    }
    if !entry.secrets.shape.is_empty() {
        parts.push(format!(
            "Secrets to enter again after a restore:\n{}",
            shape(entry.secrets.shape.iter())
        ));
    }
    if entry.in_trash() && !entry.blockers.is_empty() {
        parts.push(format!("In the way of a restore:\n{}", blockers(&entry)));
    }
    if !entry.broken_links.is_empty() {
        parts.push(format!(
            "Content elsewhere that linked to it:\n{}",
            links(&entry.broken_links)
        ));
    }
    if entry.in_trash() {
        // A connection is its own root.
        let connections = entry.impact.connections - i64::from(entry.root.kind == "connection");
        for (kind, all) in [
            (RootKind::Connection, connections),
            (RootKind::Model, entry.impact.models),
            (RootKind::Content, entry.impact.content),
        ] {
            if all > 0 {
                parts.push(items(&*backend, id, kind, all)?);
            }
        }
    }
    say(&parts.join("\n"))?;
    Ok(Outcome::Done)
}

fn about(entry: &Entry, now: Ts) -> String {
    let root = &entry.root;
    let secrets = &entry.secrets;
    let own = (root.kind != "connection")
        .then_some(entry.connection_id)
        .flatten();
    let purge = entry.in_trash().then(|| {
        let mut text = format!(
            "{} UTC, {}",
            shown(entry.purge_at),
            until(entry.purge_at, now)
        );
        text.extend(entry.kept_by.iter().map(|keep| format!("; {}", kept(keep))));
        if entry.purge_protected {
            text.push_str("; nobody may purge it sooner");
        }
        text
    });
    let blocked = entry.purge_problem.as_ref().map(|blocked| {
        format!(
            "{}, tried {}, again {} UTC",
            plain(&blocked.code),
            counted_one(blocked.attempts, "time", "times"),
            shown(blocked.retry_at)
        )
    });
    let closed = entry.closed_at.zip(entry.closed_by.as_ref());
    let lines = [
        ("entry", Some(entry.id.to_string())),
        ("state", Some(plain(&entry.state))),
        ("id", Some(root.id.to_string())),
        ("external id", root.external_id.as_deref().map(plain)),
        ("connection", own.map(|id| id.to_string())),
        ("connector", Some(connector(entry))),
        (
            "deleted",
            Some(format!(
                "{} UTC by {}",
                shown(entry.deleted_at),
                person(&entry.deleted_by)
            )),
        ),
        ("reason", entry.reason.as_deref().map(plain)),
        ("purge", purge),
        ("not purged", blocked),
        (
            "closed",
            closed.map(|(at, by)| format!("{} UTC by {}", shown(at), person(by))),
        ),
        (
            "used since",
            entry.uses.last_used_at.map(|at| used(entry, at)),
        ),
        ("with it", Some(with_it(entry))),
        (
            "links",
            (entry.impact.links > 0 || entry.impact.references > 0).then(|| {
                format!(
                    "{} with it, {} from elsewhere broken",
                    entry.impact.links, entry.impact.references
                )
            }),
        ),
        ("secrets", secrets.shredded_at.map(|at| erasure(entry, at))),
        ("source", secrets.revocation_detail.as_deref().map(plain)),
        (
            "restorable",
            entry
                .in_trash()
                .then(|| if entry.restorable { "yes" } else { "no" }.to_owned()),
        ),
    ];
    format!(
        "{} {}\n{}",
        plain(&root.kind),
        quoted(&root.name),
        facts(&lines)
    )
}

/// What keeps it, besides its date.
fn kept(keep: &str) -> String {
    match keep {
        "hold" => "a hold keeps it".to_owned(),
        "ended_hold" => "a hold ended less than a day ago and keeps it for that day".to_owned(),
        "brake" => "a brake keeps it: reprieve brakes list".to_owned(),
        "use" => "a use less than a day ago keeps it".to_owned(),
        // Of a server that is newer than this program.
        other => plain(other),
    }
}

fn used(entry: &Entry, last: Ts) -> String {
    let times = counted_one(entry.uses.count, "time", "times");
    format!("{times}, last {} UTC", shown(last))
}

fn users(users: &[User]) -> String {
    let mut rows = vec![["CALLER", "TIMES", "FIRST (UTC)", "LAST (UTC)"].map(str::to_owned)];
    rows.extend(users.iter().map(|user| {
        [
            person(&user.actor),
            user.count.to_string(),
            shown(user.first_used_at),
            shown(user.last_used_at),
        ]
    }));
    table(&rows)
}

fn holds(holds: &[Hold]) -> String {
    let mut rows =
        vec![["HOLD", "OWNER", "REASON", "SINCE (UTC)", "ENDS (UTC)"].map(str::to_owned)];
    rows.extend(holds.iter().map(|hold| {
        let ends = match (hold.ends_at, hold.active) {
            (None, _) => "when it is released".to_owned(),
            (Some(end), true) => shown(end),
            (Some(end), false) => format!("ended {}", shown(end)),
        };
        [
            hold.id.to_string(),
            plain(&hold.owner),
            plain(&hold.reason),
            shown(hold.created_at),
            ends,
        ]
    }));
    table(&rows)
}

fn connector(entry: &Entry) -> String {
    if entry.connector == entry.integration {
        plain(&entry.connector)
    } else {
        plain(&format!(
            "{}, integration {}",
            entry.connector, entry.integration
        ))
    }
}

fn erasure(entry: &Entry, shredded_at: Ts) -> String {
    let secrets = &entry.secrets;
    let bytes = match (secrets.progress.as_str(), secrets.erased_at) {
        ("done", Some(at)) => format!("no byte left in the database's files since {}", shown(at)),
        _ => "their bytes are still being erased from the database's files".to_owned(),
    };
    let backups = secrets.crypto_erased_at.map_or_else(String::new, |at| {
        format!("; no backup opens them since {}", shown(at))
    });
    format!(
        "{} shredded {}; {bytes}{backups}",
        counted_one(secrets.shredded, "secret", "secrets"),
        shown(shredded_at)
    )
}

fn blockers(entry: &Entry) -> String {
    let lines = entry
        .blockers
        .iter()
        .map(|blocker| format!("  {} {}\n", plain(&blocker.detail), way_out(entry, blocker)));
    lines.collect::<Vec<_>>().concat()
}

fn way_out(entry: &Entry, blocker: &Blocker) -> String {
    let restore = format!("reprieve trash restore {}", entry.id);
    match Code::parse(&blocker.code) {
        Some(Code::ParentInTrash) => format!("Restore both: {restore} --with-ancestors"),
        Some(Code::ParentPurged | Code::ParentMoved) => {
            format!("Say where it goes now: {restore} --target-connection ID")
        }
        Some(Code::NameTaken) => format!("Restore under another name: {restore} --name NAME"),
        Some(Code::ExternalIdTaken) => {
            format!("Restore with another one: {restore} --external-id ID")
        }
        _ => blocker
            .entry_id
            .map(|other| format!("See reprieve trash show {other}"))
            .unwrap_or_default(),
    }
}

fn links(links: &[Link]) -> String {
    let mut rows = vec![["ID", "NAME", "CONNECTION"].map(str::to_owned)];
    rows.extend(links.iter().map(|link| {
        [
            link.content_id.to_string(),
            plain(&link.name),
            link.connection_id.to_string(),
        ]
    }));
    table(&rows)
}

fn items(backend: &dyn Backend, id: EntryId, kind: RootKind, all: i64) -> Result<String, Failure> {
    let listed = Listed::collect(ITEMS, |page: PageAsk| backend.items(id, kind, page))?;
    let items: Vec<Item> = listed.parsed()?;
    let mut rows = vec![["ID", "NAME", "KIND", "EXTERNAL ID"].map(str::to_owned)];
    rows.extend(items.iter().map(|item| {
        [
            item.id.to_string(),
            plain(&item.name),
            plain(&item.kind),
            item.external_id.as_deref().map(plain).unwrap_or_default(),
        ]
    }));
    let heading = match kind {
        RootKind::Connection => "Connections",
        RootKind::Model => "Models",
        _ => "Content",
    };
    let shown = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let rest = match all - shown {
        rest if rest > 0 => format!("... and {rest} more\n"),
        _ => String::new(),
    };
    Ok(format!("{heading} ({all}):\n{}{rest}", table(&rows)))
}
