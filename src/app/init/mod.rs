//! `purser init`: finds, asks, has a configuration proposed, and writes it.

mod answers;
mod files;
mod find;
mod keys;
mod owner;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::world::{World, load_config};
use crate::cli::{self, Failure, FileView, Init, InitView, Questions, SeenView, SystemView};
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::init::{CONFIG, Candidate, File, IDENTITY_FILE, Proposal, Seen, propose};
use answers::answers;
use files::Plan;
use find::{added, found};
use keys::{Keys, keys};
use owner::Owner;

/// The folder in which the paths of a service of the machine are good.
const SYSTEM_FOLDER: &str = "/etc/purser";

/// Writes a first configuration, and says what it has found and what comes next.
///
/// # Errors
/// What was asked for makes no sense, the engine cannot be looked at, what is there differs, or the
/// files cannot be written.
pub async fn init(config_path: &Path, init: Init, json: bool) -> Result<(), Failure> {
    let folder = init.to.clone().unwrap_or_else(|| {
        config_path
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned)
    });
    let folder = std::path::absolute(&folder)
        .map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
    let mut questions = Questions::of(&init);
    let (mut candidates, seen) = found(&init).await?;
    let in_containers = candidates.len();
    candidates.extend(added(&init, &questions)?);
    if candidates.is_empty() {
        return Err(Failure::usage(
            "there is no Docker engine and nothing was added: name an engine by --docker, or systems by \
             --add",
        ));
    }
    let answers = answers(
        &init,
        &folder,
        &mut candidates,
        in_containers,
        &mut questions,
    )?;
    let Keys { fresh, is_drawn } = keys(&folder)?;
    let proposal = propose(&candidates, &seen, &answers, &fresh);
    let plan = Plan::of(&folder, &proposal, &init.force)?;
    let may_write = !plan.is_blocked() && !init.dry_run && !plan.is_empty();
    let mut view = InitView {
        systems: systems(&proposal, &candidates),
        without_table: seen.into_iter().map(seen_view).collect(),
        taken: questions.taken(),
        notes: proposal.notes.clone(),
        files: plan.views(),
        folder: folder.clone(),
        ..InitView::default()
    };
    if is_drawn {
        hide(&mut view.files, &fresh.recipient);
    }
    if may_write && questions.are_asked() {
        cli::show_proposal(&view);
        view.is_shown = true;
    }
    view.written =
        may_write && questions.confirm(&format!("write these to {}", folder.display()))?;
    if view.written {
        plan.carry_out(lints)?;
        view.files = plan.views();
    }
    view.next = next(&init, &plan, &proposal, &folder, view.written);
    cli::show_init(&view, json)
}

/// The key was drawn and is gone with this process: nobody may lock anything for it.
fn hide(files: &mut [FileView], recipient: &str) {
    let differences = files.iter_mut().filter_map(|file| file.difference.as_mut());
    for difference in differences {
        *difference = difference.replace(recipient, "a key is drawn when this is written");
    }
}

/// How the server is looked at and started, by whoever can read its secrets.
fn start(owner: Owner) -> [String; 2] {
    let lines = match owner {
        Owner::Ourselves | Owner::Sudoer { .. } => [
            "purser doctor          # is all that it names there, with the rights that are needed?",
            "purser up              # the server, in the foreground",
        ],
        Owner::Service { .. } => [
            "sudo -u purser purser doctor    # is all that it names there, with the rights that are needed?",
            "systemctl enable --now purser-docker-proxy purser    # the server, see docs/INSTALL.md",
        ],
    };
    lines.map(str::to_owned)
}

/// What is proposed must be good before anybody sees it.
fn lints(staged: &Path) -> Result<(), Failure> {
    let config = load_config(&staged.join(CONFIG))?;
    // A proposal names files and no secret of a store, which is not there yet.
    let none = Opened::default();
    let world = World::load(config, &Arc::new(Redactor::new()), &none)?;
    world.catalog(none.names()).map(drop)
}

fn systems(proposal: &Proposal, candidates: &[Candidate]) -> Vec<SystemView> {
    let names = proposal.names.iter();
    let systems = names.zip(candidates).map(|(name, candidate)| SystemView {
        name: name.clone(),
        kind: candidate.target.kind(),
        origin: candidate.origin.clone(),
    });
    systems.collect()
}

fn seen_view(seen: Seen) -> SeenView {
    SeenView {
        product: seen.product,
        origin: seen.origin,
        why: seen.why,
    }
}

fn next(
    init: &Init,
    plan: &Plan,
    proposal: &Proposal,
    folder: &Path,
    written: bool,
) -> Vec<String> {
    let config = folder.join(CONFIG);
    if plan.is_blocked() {
        return vec![
            "take over by hand what you want of the differences, or have files replaced: --force FILE"
                .to_owned(),
        ];
    }
    if !written && !plan.is_empty() {
        let again = if init.dry_run {
            "without --dry-run"
        } else {
            "again"
        };
        return vec![format!("purser init … {again}, to have it written")];
    }
    let mut next = vec![];
    if folder != Path::new(SYSTEM_FOLDER) {
        next.push(format!("export PURSER_CONFIG={}", config.display()));
    }
    next.extend(start(Owner::of(folder)));
    next.extend(
        proposal
            .first_run
            .iter()
            .map(|run| format!("{run:<22} # in another terminal")),
    );
    let is_key = |file: &File| file.path == IDENTITY_FILE;
    if proposal.files.iter().any(is_key) {
        next.push(format!(
            "move {} to another machine: it opens backups of Purser itself",
            folder.join(IDENTITY_FILE).display()
        ));
    }
    next
}
