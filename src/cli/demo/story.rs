//! The story, from a connection that somebody relies on to its end. Each step checks what it tells.

mod back;
mod end;
mod lost;

use super::scene::Scene;

/// Who deletes too much.
const SCRIPT: &str = "nightly-script";

/// What is kept from the beginning on.
struct Sample {
    warehouse: String,
    branches: Vec<String>,
    crm: Vec<String>,
    /// Every column of what stands on the warehouse.
    rows: Vec<String>,
}

/// What the trash knows of the warehouse.
struct Lost {
    entry: String,
    deleted_at: String,
}

pub(super) fn tell(scene: &mut Scene) -> anyhow::Result<()> {
    scene.prologue()?;
    let sample = scene.step("Something worth keeping", lost::make)?;
    let plan = scene.step("Look before you delete", |scene| lost::look(scene, &sample))?;
    let lost = scene.step("Deleted, and its password shredded", |scene| {
        lost::delete(scene, &sample, &plan)
    })?;
    scene.step("The name is free", |scene| {
        lost::reuse_name(scene, &sample, &lost)
    })?;
    scene.step(
        "A script deletes nine more; one call undoes it all",
        |scene| back::undo(scene, &sample, &lost),
    )?;
    scene.step("What came back is inert", |scene| {
        back::inert(scene, &sample)
    })?;
    scene.step("Its password again", |scene| back::enter(scene, &sample))?;
    scene.step("An integration goes and comes as one", |scene| {
        back::together(scene, &sample)
    })?;
    scene.step("Gone for good, by whoever types its name", |scene| {
        end::purge(scene, &sample)
    })?;
    scene.step("No byte left", end::erased)?;
    scene.step("The promises, checked", end::verify)
}
