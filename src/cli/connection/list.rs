//! `reprieve connection list`

use clap::builder::PossibleValuesParser;

use crate::cli::output::{plain, remark, say, table};
use crate::cli::people::answers::Connection;
use crate::cli::people::backend::ConnectionQuery;
use crate::cli::people::pages::Listed;
use crate::cli::people::{Failure, Outcome, Reach};
use crate::config::Config;
use crate::domain::kinds::Status;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The name, whatever its case
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The connector's key, say postgres
    #[arg(long, value_name = "KEY")]
    connector: Option<String>,
    /// The integration's key
    #[arg(long, value_name = "KEY")]
    integration: Option<String>,
    /// The caller's own id
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Whether it can be used
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(Status::ALL.iter().map(|status| status.as_str())))]
    status: Option<String>,
    /// A tag, as key=value
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// How many to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As a JSON array of the API's connections
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, config: &Config) -> Result<Outcome, Failure> {
    let backend = args.reach.connect(config)?;
    let query = ConnectionQuery {
        name: args.name.clone(),
        connector: args.connector.clone(),
        integration: args.integration.clone(),
        external_id: args.external_id.clone(),
        status: args.status.clone(),
        tag: args.tag.clone(),
    };
    let listed = Listed::collect(args.limit, |page| backend.connections(&query, page))?;
    if args.json {
        say(&listed.json()?)?;
    } else {
        let connections: Vec<Connection> = listed.parsed()?;
        if connections.is_empty() {
            remark("No live connection fits.");
        } else {
            say(&render(&connections))?;
        }
    }
    listed.tell_more(args.limit);
    Ok(Outcome::Done)
}

fn render(connections: &[Connection]) -> String {
    let mut rows = vec![
        [
            "ID",
            "NAME",
            "CONNECTOR",
            "INTEGRATION",
            "STATUS",
            "EXTERNAL ID",
            "TAGS",
        ]
        .map(str::to_owned),
    ];
    rows.extend(connections.iter().map(|connection| {
        let tags: Vec<String> = connection
            .tags
            .iter()
            .map(|(key, value)| plain(&format!("{key}={value}")))
            .collect();
        [
            connection.id.to_string(),
            plain(&connection.name),
            plain(&connection.connector),
            plain(&connection.integration),
            plain(&connection.status),
            connection
                .external_id
                .as_deref()
                .map(plain)
                .unwrap_or_default(),
            tags.join(" "),
        ]
    }));
    table(&rows)
}
