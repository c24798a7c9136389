//! Runs a sequence: each step is asked of the service and of the model, and the two have to agree.

mod bulk;
mod connections;
mod dependents;
mod integrations;
mod looks;
mod trash;

use std::fmt::Write as _;

use reprieve::domain::kinds::{DependentKind, RootKind};
use reprieve::service::caller::Caller;
use reprieve::service::error::Problem;

use super::compare::Comparison;
use super::rules::Refusals;
use super::state::{Id, Model, Place};
use super::steps::{PICKS, Pick, Step};
use super::world::{Answer, World};

/// Whether service and model agree; else what they differ in.
pub(crate) type Agreement<T = ()> = Result<T, String>;

/// One sequence in an organization of its own.
pub(crate) struct Run<'a> {
    world: &'a World,
    pub(crate) caller: Caller,
    pub(crate) model: Model,
    comparison: Comparison,
    /// What was done, for whoever reads of a difference.
    told: String,
    /// What the running step does, in a word.
    word: &'static str,
}

impl<'a> Run<'a> {
    pub(crate) fn new(world: &'a World, caller: Caller) -> Self {
        let mut model = Model {
            retention_days: 30,
            ..Model::default()
        };
        model.happened("organization.created");
        Self {
            world,
            caller,
            model,
            comparison: Comparison::default(),
            told: String::new(),
            word: "",
        }
    }

    /// Runs the steps and compares after each.
    pub(crate) fn run(&mut self, steps: &[Step]) -> Agreement {
        for (number, step) in steps.iter().enumerate() {
            let _ = writeln!(self.told, "{}. {step:?}", number + 1);
            self.word = step.word();
            self.step(step)
                .and_then(|()| self.compare())
                .map_err(|difference| format!("{difference}\nafter\n{}", self.told))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Agreement {
        match step {
            Step::CreateIntegration(new) => self.create_integration(new),
            Step::PatchIntegration { .. } => self.patch_integration(step),
            Step::CreateConnection(new) => self.create_connection(new),
            Step::UpsertConnection(new) => self.upsert_connection(new),
            Step::PatchConnection { .. } => self.patch_connection(step),
            Step::PutSecret { which, value } => self.put_secret(*which, value.as_deref()),
            Step::ReadSecrets { which } => self.read_secrets(*which),
            Step::Create {
                kind,
                connection,
                items,
            } => self.create(*kind, *connection, items),
            Step::Upsert {
                kind,
                connection,
                item,
            } => self.upsert(*kind, *connection, item),
            Step::Patch { .. } => self.patch(step),
            Step::Delete { .. } => self.delete(step),
            Step::Restore { .. } => self.restore(step),
            Step::BulkRestore {
                entries,
                kind,
                with_ancestors,
                only_validate,
            } => self.bulk_restore(entries, *kind, *with_ancestors, *only_validate),
            Step::BulkDelete {
                which,
                reason,
                plan,
            } => self.bulk_delete(which, reason.as_deref(), *plan),
            Step::Purge { entry, confirmed } => self.purge(*entry, *confirmed),
            Step::Hold { entry, hold } => {
                self.hold(*entry, *hold);
                Ok(())
            }
            Step::LiftHold { which } => {
                self.lift_hold(*which);
                Ok(())
            }
            Step::Policy {
                purge_protection,
                retention_days,
            } => {
                self.policy(*purge_protection, *retention_days);
                Ok(())
            }
            Step::Look { entry } => self.look(*entry),
        }
    }

    fn compare(&mut self) -> Agreement {
        self.comparison
            .check(&self.world.dump, self.caller.org, &self.model)?;
        self.model.touched.clear();
        self.model.touched_links.clear();
        Ok(())
    }

    /// Says what a step was resolved to.
    fn tell(&mut self, what: &str) {
        let _ = writeln!(self.told, "   {what}");
    }

    fn came_to(&mut self, what: &str) {
        self.tell(what);
        let mut tally = self.world.tally.borrow_mut();
        *tally.entry(format!("{} {what}", self.word)).or_default() += 1;
    }

    /// Whether the answer is what the model expects: the value if it was to be done, nothing if it was refused
    /// for one of the reasons there are.
    fn settle<T>(&mut self, expected: &Refusals, answer: Answer<T>) -> Agreement<Option<T>> {
        Ok(self.settle_with_problem(expected, answer)?.ok())
    }

    fn settle_with_problem<T>(
        &mut self,
        expected: &Refusals,
        answer: Answer<T>,
    ) -> Agreement<Result<T, Box<Problem>>> {
        match answer {
            Answer::Done(value) if expected.is_empty() => {
                self.came_to("done");
                Ok(Ok(value))
            }
            Answer::Done(_) => Err(format!("done, and was to be refused: {expected:?}")),
            Answer::Refused(problem) if expected.contains(problem.code.as_str()) => {
                self.came_to(problem.code.as_str());
                self.check_members(&problem)?;
                Ok(Err(problem))
            }
            Answer::Refused(problem) => Err(format!(
                "refused: {}: {}, members {:?}, errors {:?}; expected {expected:?}",
                problem.code.as_str(),
                problem.detail,
                problem.members,
                problem.errors
            )),
            Answer::Broken(text) => Err(format!("broken: {text}; expected {expected:?}")),
        }
    }

    /// What a refusal points at is there.
    fn check_members(&self, problem: &Problem) -> Agreement {
        let member = |name: &str| problem.members.get(name).and_then(|value| value.as_str());
        let code = problem.code.as_str();
        match code {
            "in_trash" | "parent_in_trash" | "already_in_trash" => {
                let entry = member("entry_id").and_then(|id| Id::parse_str(id).ok());
                let open = entry.and_then(|id| self.model.entries.get(&id));
                if !open.is_some_and(super::state::Entry::is_open) {
                    return Err(format!("{code} names no open entry: {entry:?}"));
                }
            }
            "name_taken" => {
                let free = member("suggested_name").unwrap_or_default();
                if self.model.connections.values().any(|row| {
                    row.place.is_live()
                        && super::state::name_key(&row.name) == super::state::name_key(free)
                }) {
                    return Err(format!("the suggested name {free:?} is taken"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    // Picks

    fn pick_integration(&self, pick: Pick) -> Option<Id> {
        one_of(pick, &self.model.live_integrations(), ODD, || {
            self.ever(self.model.integrations.keys())
        })
    }

    fn pick_connection(&self, pick: Pick) -> Option<Id> {
        one_of(pick, &self.model.live_connections(), ODD, || {
            self.ever(self.model.connections.keys())
        })
    }

    fn pick_dependent(&self, kind: DependentKind, pick: Pick) -> Option<Id> {
        one_of(pick, &self.model.live_dependents(kind), ODD, || {
            self.ever(self.model.dependents.keys())
        })
    }

    /// Content to refer to.
    fn pick_link(&self, pick: Pick) -> Option<Id> {
        let usual = self.model.live_dependents(DependentKind::Content);
        one_of(pick, &usual, VERY_ODD, || {
            self.ever(self.model.dependents.keys())
        })
    }

    fn pick_root(&self, kind: RootKind, pick: Pick) -> Option<Id> {
        match kind {
            RootKind::Integration => self.pick_integration(pick),
            RootKind::Connection => self.pick_connection(pick),
            RootKind::Model => self.pick_dependent(DependentKind::Model, pick),
            RootKind::Content => self.pick_dependent(DependentKind::Content, pick),
        }
    }

    /// A model of a connection, to be a parent there.
    fn pick_parent(&self, connection: Id, pick: Pick) -> Option<Id> {
        one_of(
            pick,
            &self.model.live_models_of(connection),
            VERY_ODD,
            || self.ever(self.model.dependents.keys()),
        )
    }

    /// An entry. Every other pick is of one whose parent is not there.
    fn pick_entry(&self, pick: Pick) -> Option<Id> {
        let orphans = self.model.orphaned_entries();
        if pick.0 % 2 == 1 && !orphans.is_empty() {
            return one_of(Pick(pick.0 / 2), &orphans, ODD, Vec::new);
        }
        one_of(pick, &self.model.open_entries(), ODD, || {
            self.ever(self.model.entries.keys())
        })
    }

    fn is_live(&self, id: Id) -> bool {
        let integration = self.model.integrations.get(&id).map(|row| row.place);
        let connection = self.model.connections.get(&id).map(|row| row.place);
        let dependent = self.model.dependents.get(&id).map(|row| row.place);
        integration
            .or(connection)
            .or(dependent)
            .is_some_and(Place::is_live)
    }

    /// What is there but not live, what was there, and a row of another organization.
    fn ever<'b>(&self, known: impl Iterator<Item = &'b Id>) -> Vec<Id> {
        let mut all: Vec<Id> = known.filter(|id| !self.is_live(**id)).copied().collect();
        all.extend(&self.model.gone);
        all.extend(self.world.foreign(all.len()));
        all
    }
}

/// One of `usual`, if there are any, or now and then one of all that ever was.
fn one_of(pick: Pick, usual: &[Id], odd: Odd, all: impl FnOnce() -> Vec<Id>) -> Option<Id> {
    let all = if pick.0 < odd.0 {
        usual.to_vec()
    } else {
        all()
    };
    // From the newest, so that a pick means the same row when older ones are left out.
    all.iter()
        .rev()
        .nth(usize::from(pick.0) % all.len().max(1))
        .copied()
}

/// From which number on a pick is of anything that ever was.
struct Odd(u8);

/// One in thirty-two.
const ODD: Odd = Odd(PICKS - 4);
/// One in sixty-four: a step has many of them, and one makes it fail.
const VERY_ODD: Odd = Odd(PICKS - 2);
