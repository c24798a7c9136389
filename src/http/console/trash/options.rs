//! What a form of restore offers when something is in the way, or by choice: another name, the parents too, another place.

use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId};
use crate::domain::kinds::RootKind;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::http::console::trash::path_of;
use crate::http::console::words::called;
use crate::http::form::Form;
use crate::service::caller::Caller;
use crate::service::connections;
use crate::service::error::{Error, Problem, Result};
use crate::service::pages::PageQuery;
use crate::service::restore::{self, RestoreRequest, RestoreTarget};
use crate::service::trash;
use crate::service::views::{ConnectionView, EntryView};
use crate::store::Conn;
use crate::store::filters::ConnectionFilter;

/// The connections that one can choose from; of more one enters the name.
const OFFERED: i64 = 200;

/// What was chosen so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Given {
    name: Option<String>,
    external_id: Option<String>,
    with_ancestors: bool,
    connection_id: Option<String>,
    /// The name of a connection, where there are too many to choose from.
    connection: Option<String>,
    integration: Option<String>,
}

/// A field of the form and what is wrong with it.
pub(super) struct Field {
    pub(super) value: String,
    pub(super) error: Option<String>,
}

/// The connections that it can be attached to.
pub(super) struct Targets {
    /// Ids and names; `None` if there are too many to list: then one is entered by its name.
    pub(super) list: Option<Vec<(String, String)>>,
    pub(super) chosen: String,
    pub(super) named: String,
    pub(super) error: Option<String>,
}

impl Targets {
    /// What the field is called in the form.
    pub(super) fn field(&self) -> &'static str {
        match self.list {
            Some(_) => "connection_id",
            None => "connection",
        }
    }
}

/// The form.
pub(super) struct Options {
    /// Where it goes, below the console.
    pub(super) action: String,
    /// The name of what would come back.
    pub(super) name: String,
    /// What is in the way.
    pub(super) reason: Option<String>,
    /// What has to be seen to first: its name, and where it is below the console.
    pub(super) parent: Option<(String, String)>,
    pub(super) new_name: Option<Field>,
    pub(super) external_id: Option<Field>,
    /// What that is called: the external id, or the key of an integration.
    pub(super) external_id_label: &'static str,
    /// The parents that can come back with it: "connection" and name; none known may still be some.
    pub(super) ancestors: Option<Vec<(&'static str, String)>>,
    pub(super) targets: Option<Targets>,
    /// The value that stands for no integration.
    pub(super) without_integration: Option<String>,
    /// What was chosen before and is not asked again.
    pub(super) kept: Vec<(&'static str, String)>,
}

impl Given {
    pub(super) fn read(form: &Form) -> Self {
        let text = |name| form.given(name).map(str::to_owned);
        Self {
            name: text("name"),
            external_id: text("external_id"),
            with_ancestors: form.ticked("with_ancestors"),
            connection_id: text("connection_id"),
            connection: text("connection"),
            integration: text("integration"),
        }
    }

    /// The new name, if there is to be one.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Finds the connection that was entered by its name, among those that the caller may see.
    pub(super) fn find(&mut self, conn: &mut Conn, caller: &Caller) -> Result<()> {
        const AT: &str = "/target/connection_id";
        let Some(name) = &self.connection else {
            return Ok(());
        };
        let found = some(conn, caller, &of_name(name))?.unwrap_or_default();
        match found.as_slice() {
            [one] => {
                self.connection_id = Some(one.id.to_string());
                Ok(())
            }
            [] => Err(Error::field(
                AT,
                "unknown_connection",
                "There is no live connection with this name.",
            )),
            _ => Err(Error::field(
                AT,
                "ambiguous",
                "Several connections have this name: choose one of them.",
            )),
        }
    }

    /// As the service takes it.
    pub(super) fn request(&self) -> Result<RestoreRequest> {
        let connection_id = match self.connection_id.as_deref() {
            None => None,
            Some(id) => Some(ConnectionId::parse(id).ok_or_else(|| {
                Error::field(
                    "/target/connection_id",
                    "unknown_connection",
                    "There is no live connection with this id.",
                )
            })?),
        };
        let target =
            (connection_id.is_some() || self.integration.is_some()).then(|| RestoreTarget {
                connection_id,
                integration: self.integration.clone(),
                model_id: None,
            });
        Ok(RestoreRequest {
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            with_ancestors: self.with_ancestors && target.is_none(),
            target,
            ..RestoreRequest::default()
        })
    }
}

impl Options {
    /// The form for an entry, after this was in the way.
    pub(super) fn of(
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
        problem: Option<&Problem>,
    ) -> Result<Self> {
        let mut options = Self {
            action: format!("{}/restore", path_of(entry.id)),
            name: entry.root.name.clone(),
            reason: problem.map(|problem| problem.detail.clone()),
            parent: None,
            new_name: None,
            external_id: None,
            external_id_label: match entry.root.kind {
                RootKind::Integration => "Restore under the key",
                _ => "Restore with the external id",
            },
            ancestors: None,
            targets: None,
            without_integration: None,
            kept: Vec::new(),
        };
        if let Some(problem) = problem {
            options.offer(conn, caller, entry, given, problem)?;
        }
        options.keep(given);
        Ok(options)
    }

    /// The form for whoever wants it otherwise though nothing is in the way.
    pub(super) fn by_choice(conn: &mut Conn, caller: &Caller, entry: &EntryView) -> Result<Self> {
        let given = Given::default();
        let mut options = Self::of(conn, caller, entry, &given, None)?;
        options.new_name = Some(field(Some(&entry.root.name), None));
        if is_dependent(entry) {
            options.targets = targets(conn, caller, &given, None)?;
        }
        Ok(options)
    }

    fn offer(
        &mut self,
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
        problem: &Problem,
    ) -> Result<()> {
        let parent = problem.members.get("entry_id").and_then(|id| id.as_str());
        let parent = parent.and_then(EntryId::parse);
        if let Some(id) = parent {
            self.parent = Some((trash::get(conn, caller, id)?.root.name, path_of(id)));
        }
        match problem.code {
            // It is that of a parent: nothing that is entered for this one makes it free.
            Code::NameTaken | Code::ExternalIdTaken if parent.is_some() => {
                self.reason = Some(format!(
                    "{} Restore that by itself first: its page says how.",
                    problem.detail
                ));
                self.ancestors = Some(Vec::new());
                self.elsewhere(conn, caller, entry, given)?;
            }
            Code::NameTaken => match problem.members.get("suggested_name") {
                Some(free) => {
                    self.new_name = Some(Field {
                        value: free.as_str().unwrap_or_default().to_owned(),
                        error: None,
                    });
                }
                None => self.external_id = Some(field(given.external_id.as_deref(), None)),
            },
            // It is that of something which comes back with it: another place helps, if anything.
            Code::ExternalIdTaken if problem.members.contains_key("row_id") => {
                self.elsewhere(conn, caller, entry, given)?;
            }
            Code::ExternalIdTaken => {
                let again = given.external_id.is_some();
                let own = !problem.members.contains_key("connection_id");
                let error = (again && own).then(|| "This is taken, too.".to_owned());
                self.external_id = Some(field(given.external_id.as_deref(), error));
                let taken = entry.root.external_id.as_deref();
                if let Some(taken) = taken.filter(|_| own && !again) {
                    self.reason = Some(format!("{} It is “{taken}”.", problem.detail));
                }
                if is_dependent(entry) {
                    self.targets = targets(conn, caller, given, None)?;
                }
            }
            Code::ParentInTrash => {
                self.ancestors = Some(ancestors(conn, caller, entry)?);
                self.elsewhere(conn, caller, entry, given)?;
            }
            Code::ParentPurged | Code::ParentMoved => {
                self.elsewhere(conn, caller, entry, given)?;
            }
            _ => {
                for error in &problem.errors {
                    let detail = Some(error.detail.clone());
                    match error.pointer.as_str() {
                        "/name" => self.new_name = Some(field(given.name.as_deref(), detail)),
                        "/external_id" => {
                            self.external_id = Some(field(given.external_id.as_deref(), detail));
                        }
                        "/target/connection_id" => {
                            self.targets = targets(conn, caller, given, detail)?;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Another place for it.
    fn elsewhere(
        &mut self,
        conn: &mut Conn,
        caller: &Caller,
        entry: &EntryView,
        given: &Given,
    ) -> Result<()> {
        match entry.root.kind {
            RootKind::Model | RootKind::Content => {
                self.targets = targets(conn, caller, given, None)?;
            }
            RootKind::Connection => self.without_integration = Some(entry.connector.clone()),
            RootKind::Integration => {}
        }
        Ok(())
    }

    fn keep(&mut self, given: &Given) {
        let mut keep = |name, value: &Option<String>, asked: bool| {
            if let Some(value) = value.as_ref().filter(|_| !asked) {
                self.kept.push((name, value.clone()));
            }
        };
        keep("name", &given.name, self.new_name.is_some());
        keep(
            "external_id",
            &given.external_id,
            self.external_id.is_some(),
        );
        keep(
            "connection_id",
            &given.connection_id,
            self.targets.is_some(),
        );
        keep(
            "integration",
            &given.integration,
            self.without_integration.is_some(),
        );
        if given.with_ancestors && self.ancestors.is_none() {
            self.kept.push(("with_ancestors", "on".to_owned()));
        }
    }
}

fn is_dependent(entry: &EntryView) -> bool {
    matches!(entry.root.kind, RootKind::Model | RootKind::Content)
}

fn field(value: Option<&str>, error: Option<String>) -> Field {
    Field {
        value: value.unwrap_or_default().to_owned(),
        error,
    }
}

/// The parents that would come back first, as far as that can be told.
fn ancestors(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryView,
) -> Result<Vec<(&'static str, String)>> {
    let request = RestoreRequest {
        with_ancestors: true,
        ..RestoreRequest::default()
    };
    let ids = match restore::preview(conn, caller, entry.id, &request) {
        Ok(plan) => plan.ancestors,
        // It is told when that is tried.
        Err(Error::Problem(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    ids.into_iter()
        .map(|id| {
            let root = trash::get(conn, caller, id)?.root;
            Ok((called(root.kind).one, root.name))
        })
        .collect()
}

fn of_name(name: &str) -> ConnectionFilter {
    ConnectionFilter {
        name_key: Some(Name::fold(name)),
        ..ConnectionFilter::default()
    }
}

/// The live connections that fit, by name, as far as the caller may see them; `None` if there are too many to list.
fn some(
    conn: &mut Conn,
    caller: &Caller,
    filter: &ConnectionFilter,
) -> Result<Option<Vec<ConnectionView>>> {
    if !caller.may(Scope::ConnectionsRead) {
        return Ok(Some(Vec::new()));
    }
    let page = PageQuery::new(Some(OFFERED), None)?;
    let mut found = connections::list(conn, caller, filter, &page)?;
    found.data.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.next_page_token.is_none().then_some(found.data))
}

/// What can be chosen, for those who may see connections.
fn targets(
    conn: &mut Conn,
    caller: &Caller,
    given: &Given,
    error: Option<String>,
) -> Result<Option<Targets>> {
    if !caller.may(Scope::ConnectionsRead) {
        return Ok(None);
    }
    let mut found = some(conn, caller, &ConnectionFilter::default())?;
    if let (None, Some(name)) = (&found, &given.connection) {
        // Several have the name that was entered.
        found = some(conn, caller, &of_name(name))?.filter(|found| found.len() > 1);
    }
    let list = found.map(|found| {
        let of_integration = |view: &ConnectionView| {
            let like = |other: &&ConnectionView| other.name == view.name;
            match found.iter().filter(like).count() {
                1 => view.name.clone(),
                _ => format!("{} ({})", view.name, view.integration),
            }
        };
        let list = found.iter();
        list.map(|view| (view.id.to_string(), of_integration(view)))
            .collect()
    });
    Ok(Some(Targets {
        list,
        chosen: given.connection_id.clone().unwrap_or_default(),
        named: given.connection.clone().unwrap_or_default(),
        error,
    }))
}
