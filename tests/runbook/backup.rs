//! Tests of backups, of a slice and of a database: what was found is written down, good or not; nothing that was restored stays behind, and nothing of
//! anybody else is removed.

use super::{
    scene::{self, FOREIGN, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::{
        engine::{End, Record},
        observe::backup::Told,
    },
    simulate::{
        backup::{Backup, Scratch, Vault},
        island::Island,
    },
};

const PLACE: &str = "/srv/scratch/pointsman-web1";
/// What the record of the test is called.
const NAME: &str = "backup@web1";

/// The scratch directory of a scene, its mark, and what its record is called.
fn of(scene: Scene) -> (&'static str, &'static str, &'static str) {
    if scene == Scene::BackupTest {
        (PLACE, "test of web1 of rehearsed", NAME)
    } else {
        (
            "/srv/scratch/pointsman-database@shop",
            "test of shop of rehearsed",
            "backup@database@shop",
        )
    }
}

fn vault(island: &mut Island) -> &mut Vault {
    let at = island.node("stor3").unwrap();
    &mut island.nodes[at].store.vault
}

/// 19, 20: after every event.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_backup() {
        return;
    }
    let (own, mark, _) = of(stage.scene);
    let node = &island.nodes[island.node("stor3").unwrap()];
    for (place, scratch) in &node.store.vault.scratch {
        let ours = scratch.mark.as_deref() == Some(mark);
        assert!(
            !ours || place == own,
            "20: {place} is {scratch:?}, and the plan is about {own}"
        );
    }
    assert!(node.store.vault.scratch.contains_key(FOREIGN), "20: {FOREIGN} is gone");
    let named = |ran: &&pointsman::simulate::act::Ran| ran.argv.iter().any(|word| word.contains("web2"));
    let foreign = node.store.ran.iter().find(named);
    assert!(foreign.is_none(), "20: {foreign:?} is about what the plan is not");
}

/// 16: what a run that is over has left.
pub fn ended(stage: &Stage, end: &End) -> Result<(), String> {
    let over = matches!(end, End::Done | End::Compensated { .. } | End::Refused { .. });
    if !stage.scene.is_backup() || !over {
        return Ok(());
    }
    let (own, _, name) = of(stage.scene);
    let seen = stage.sim.world().with("stor3", |island, at| {
        let node = &island.nodes[at];
        let mut tasks = node.store.tasks.iter();
        if let Some((task, _)) = tasks.find(|(_, task)| task.is_alive(node.boots)) {
            return Err(format!("{task} runs still"));
        }
        if node.store.vault.scratch.contains_key(own) {
            return Err(format!("{own} is left behind"));
        }
        match end {
            End::Done if !node.store.vault.told.contains_key(name) => Err("nothing is written down".to_owned()),
            _ => Ok(()),
        }
    });
    seen.unwrap()
}

/// Plays the test of the newest backup to its end, after something was done to that; what happens at each turn is up to the
/// caller.
fn played(to: impl FnOnce(&mut Backup), mut each: impl FnMut(&mut Stage, &mut Console)) -> (Stage, Console, End) {
    let mut stage = Stage::new(Scene::BackupTest);
    stage.sim.world().fleet(|island| {
        let mut backups = vault(island).backups.iter_mut();
        to(backups.rfind(|backup| backup.of == "web1").unwrap());
    });
    let (console, end) = once(&mut stage, Scene::BackupTest, "run-1", &mut each);
    (stage, console, end)
}

fn once(stage: &mut Stage, scene: Scene, run: &str, each: &mut impl FnMut(&mut Stage, &mut Console)) -> (Console, End) {
    let plan = scene::plan(scene, &stage.sim, stage.hand.now());
    let mut console = stage.console(run, plan);
    for _ in 0..4000 {
        each(stage, &mut console);
        if !stage.turn(&mut console, super::case::Fate::Usual) {
            break;
        }
    }
    let end = console.end().expect("an end").clone();
    (console, end)
}

fn told(stage: &Stage) -> Told {
    let text = stage
        .sim
        .world()
        .fleet(|island| vault(island).told[NAME].clone())
        .unwrap();
    Told::parse(&format!("{text}end\n")).unwrap().unwrap()
}

/// The first words of the commands that ran.
fn ran(stage: &Stage) -> Vec<String> {
    let ran = stage.sim.world().with("stor3", |island, at| {
        let ran = island.nodes[at].store.ran.iter();
        ran.map(|ran| ran.argv.iter().take(2).cloned().collect::<Vec<_>>().join(" "))
            .collect()
    });
    ran.unwrap()
}

#[test]
fn the_newest_backup_is_restored_compared_written_down_and_removed() {
    let (stage, console, end) = played(|_| {}, |_, _| {});
    assert_eq!(end, End::Done);
    assert_eq!(
        ran(&stage),
        [
            "task_forget backup@web1",
            "scratch_begin /srv/scratch/pointsman-web1",
            "task_go backup@web1",
            "backup_compare backup@web1-check",
            "backup_record backup@web1",
            "task_end backup@web1",
            "scratch_clear /srv/scratch/pointsman-web1",
        ]
    );
    let told = told(&stage);
    assert_eq!((told.backup.as_str(), told.may), ("web1-3", 0));
    assert_eq!(
        told.found.live.map(|live| (live.files, live.read)),
        Some((11_655, 11_655))
    );
    let restore = console.plan.layouts.backup.as_ref().unwrap().restore.join(" ");
    assert_eq!(restore, "site restore web1 web1-3 /srv/scratch/pointsman-web1/tree");
    let evidence: Vec<&String> = stage.journals["run-1"]
        .iter()
        .filter_map(|record| match record {
            Record::Outcome { step: 4, evidence, .. } => evidence.first(),
            _ => None,
        })
        .collect();
    assert!(
        matches!(evidence.as_slice(), [one] if one.contains("web1-3 is good: 12000 files")),
        "{evidence:?}"
    );
}

/// What was tested and is not good fails the run, and is written down all the same.
#[test]
fn a_backup_that_is_not_good_is_known_as_such() {
    type Spoils = fn(&mut Backup);
    let bad: [(Spoils, &str); 3] = [
        (|backup| backup.missing = 3, "3 live files that are older are missing"),
        (|backup| backup.differ = 2, "2 have other content"),
        (|backup| backup.files = 0, "it holds no file"),
    ];
    for (make, says) in bad {
        let (stage, _, end) = played(make, |_, _| {});
        assert!(
            matches!(&end, End::Compensated { why, stays } if why.contains("NOT good") && why.contains(says)
                && stays.iter().any(|stays| stays.contains("write down"))),
            "{says}: {end:?}"
        );
        let told = told(&stage);
        assert!(told.found.trouble(told.may).is_some_and(|why| why.contains(says)));
        ended(&stage, &end).unwrap();
    }
}

/// What does not end well says nothing of the backup: nothing is written down.
#[test]
fn a_restore_that_fails_is_no_verdict() {
    let (stage, _, end) = played(
        |_| {},
        |stage, _| {
            stage.sim.world().fleet(|island| {
                // Its backups are rotated away meanwhile.
                if vault(island).scratch.contains_key(PLACE) {
                    vault(island).backups.clear();
                }
            });
        },
    );
    assert!(
        matches!(&end, End::Compensated { why, stays } if why.contains("no such backup") && stays.is_empty()),
        "{end:?}"
    );
    assert!(stage.sim.world().fleet(|island| vault(island).told.is_empty()).unwrap());
    ended(&stage, &end).unwrap();
}

/// A backup that is tested again is looked at again.
#[test]
fn what_was_written_down_before_is_no_proof_of_this_test() {
    let (mut stage, _, end) = played(|_| {}, |_, _| {});
    assert_eq!(end, End::Done);
    let first = told(&stage).found.at;
    stage.hand.forward(std::time::Duration::from_hours(1));
    stage.sim.world().fleet(|island| {
        vault(island).backups.iter_mut().for_each(|backup| backup.differ = 1);
    });
    let (_, end) = once(&mut stage, Scene::BackupTest, "run-2", &mut |_, _| {});
    assert!(
        matches!(&end, End::Compensated { why, .. } if why.contains("NOT good")),
        "{end:?}"
    );
    assert!(told(&stage).found.at >= first + 3600);
}

/// The console dies while a backup is restored: another one goes on with that, and begins nothing twice.
#[test]
fn another_console_goes_on_with_a_restore_under_way() {
    let mut began = 0;
    let (stage, _, end) = played(
        |_| {},
        |stage, console| {
            let runs = stage.sim.world().with("stor3", |island, at| {
                let node = &island.nodes[at];
                let task = node.store.tasks.get(NAME);
                task.is_some_and(|task| task.is_alive(node.boots))
            });
            if runs.unwrap() && began == 0 {
                began += 1;
                stage.hand.forward(std::time::Duration::from_secs(1));
                stage.resume(console, None);
            }
        },
    );
    assert_eq!((end, began), (End::Done, 1));
    let restored = ran(&stage)
        .into_iter()
        .filter(|ran| ran == "scratch_begin /srv/scratch/pointsman-web1");
    assert_eq!(restored.count(), 1);
}

/// A directory that somebody made at the place of ours, after the plan was made, is neither written to nor removed.
#[test]
fn what_somebody_else_has_made_meanwhile_stays() {
    let mut stage = Stage::new(Scene::BackupTest);
    let plan = scene::plan(Scene::BackupTest, &stage.sim, stage.hand.now());
    stage.sim.world().fleet(|island| {
        vault(island).scratch.insert(PLACE.to_owned(), Scratch::default());
    });
    let mut console = stage.console("run-1", plan);
    for _ in 0..4000 {
        if !stage.turn(&mut console, super::case::Fate::Usual) {
            break;
        }
    }
    assert!(
        matches!(console.end(), Some(End::Refused { .. })),
        "{:?}",
        console.end()
    );
    assert_eq!(
        stage
            .sim
            .world()
            .fleet(|island| vault(island).scratch.get(PLACE).cloned())
            .unwrap(),
        Some(Scratch::default())
    );
}

/// A server comes up on what was restored of a database, or it is not good.
#[test]
fn a_database_is_restored_and_every_table_of_it_checked() {
    for (bad, good) in [(0, true), (3, false)] {
        let mut stage = Stage::new(Scene::DatabaseBackupTest);
        stage.sim.world().fleet(|island| {
            vault(island).backups.iter_mut().for_each(|backup| backup.differ = bad);
        });
        let (_, end) = once(&mut stage, Scene::DatabaseBackupTest, "run-1", &mut |_, _| {});
        let text = stage
            .sim
            .world()
            .fleet(|island| vault(island).told["backup@database@shop"].clone());
        let told = Told::parse(&format!("{}end\n", text.unwrap())).unwrap().unwrap();
        assert_eq!((told.backup.as_str(), told.found.tables), ("shop-3", Some((42, bad))));
        if good {
            assert_eq!(end, End::Done);
        } else {
            assert!(
                matches!(&end, End::Compensated { why, .. } if why.contains("NOT good: 3 of 42 tables are broken")),
                "{end:?}"
            );
        }
        ended(&stage, &end).unwrap();
    }
}
