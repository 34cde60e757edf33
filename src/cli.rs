//! The command line: what can be asked of the program, and nothing of how it is done.

mod rehearse;

pub use rehearse::{RehearseArgs, Then};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// A terminal console for on-call engineers of hosting fleets.
///
/// Watches storage segments (md RAID, DRBD, NFS, ZFS), the cluster nodes that mount them and MySQL
/// hosts over SSH, with nothing installed there; shows what is wrong, since when, and what to do.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, max_term_width = 100, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  pointsman --demo                              the embedded fleet, nothing needed
  pointsman -i inventory.yaml                   the console
  pointsman -i inventory.yaml --wall            a wall display, read-only
  pointsman -i inventory.yaml --batch status    one collection; exit 0 OK, 1 warning, 2 critical, 3 unknown
  pointsman check -i inventory.yaml             every mistake of an inventory at once
  pointsman discover stor1 stor2 > draft.yaml   a draft inventory from bare hosts
  pointsman --batch plan slice-move slice=web1  what would be done, and the plan's hash
  pointsman --batch run slice-move slice=web1 --yes=HASH   exactly that plan
  pointsman rehearse failover server=stor1 --fault=dead:stor1   the same on a simulated copy
  pointsman --batch failslow trace.csv --json   who was slow in a recorded trace of latencies

Exit codes:
  status, findings      0 OK, 1 warning, 2 critical, 3 unknown; 130 interrupted
  watch                 0 when it was ended: ctrl-c, SIGTERM, --timeout, or a reader that left
  plan, run, resume, cancel, rehearse
                        0 done, 10 refused and nothing changed, 11 failed and taken back, 12 parked or left
                        (resume it), 13 outcome unknown, 14 another run holds a host or drives this run
  discover              3 when a host could not be reached
  failslow              0 when the trace was judged, whatever was found; 78 when it is empty, has other columns, or too many bad rows
  all                   64 wrong command line, 78 wrong inventory or setting, 1 anything else

The inventory is, if not given: $POINTSMAN_INVENTORY, ./inventory.yaml,
$XDG_CONFIG_HOME/pointsman/inventory.yaml, /etc/pointsman/inventory.yaml.")]
pub struct Cli {
    #[allow(missing_docs, reason = "a doc comment here would become the program's")]
    #[command(flatten)]
    pub options: Options,

    /// Only these hosts, such as role=storage,site=lax (and what is needed to judge them); for --batch plan and run the
    /// runbook and its parameters, for resume, cancel and report the run, for failslow the trace
    #[arg(value_name = "SELECTOR | RUNBOOK NAME=VALUE | RUN")]
    pub selectors: Vec<String>,

    #[allow(missing_docs, reason = "as above")]
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of the console, the wall and batch runs.
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent switches of a command line"
)]
#[derive(Debug, Args)]
pub struct Options {
    /// The inventory file
    #[arg(short, long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,

    /// Use the embedded fleet of simulated hosts instead of an inventory
    #[arg(long, conflicts_with = "inventory")]
    pub demo: bool,

    /// Wall display: read-only, turns pages, pins what is critical
    #[arg(long, conflicts_with = "batch")]
    pub wall: bool,

    /// The console without any way to act
    #[arg(long)]
    pub read_only: bool,

    /// Print instead of showing: the fleet, or runbooks and their runs
    #[arg(long, value_name = "WHAT")]
    pub batch: Option<Batch>,

    /// Batch: JSON (one document, or one line an event)
    #[arg(long, conflicts_with = "tsv", requires = "batch")]
    pub json: bool,

    /// Batch: tab-separated values with a header line
    #[arg(long, requires = "batch")]
    pub tsv: bool,

    /// Batch failslow: bad rows that are let pass (else 1 % of the rows; of a small trace a quarter, up to 100)
    #[arg(long, value_name = "N", requires = "batch")]
    pub max_bad_rows: Option<u64>,

    /// Batch: longest time for one collection; for `watch` the whole time (such as 20s, 5m)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,

    /// A theme's name (terminal, dark, light, colour-blind, mono) or file
    #[arg(long, value_name = "THEME")]
    pub theme: Option<String>,

    /// Draw with ASCII only
    #[arg(long)]
    pub ascii: bool,

    /// Where screen dumps (ctrl-s) go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dump_dir: PathBuf,

    #[allow(missing_docs, reason = "as above")]
    #[command(flatten)]
    pub runs: RunArgs,

    #[allow(missing_docs, reason = "as above")]
    #[command(flatten)]
    pub ssh: SshArgs,

    /// Write the log to this file as well
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// Options of runbooks and runs.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Runs")]
pub struct RunArgs {
    /// Where the journal and the audit log are, if not below the user's own state directory (see FILES in the man page)
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Batch run: consent to exactly the plan with this hash
    #[arg(long, value_name = "HASH", requires = "batch", conflicts_with = "dry_run")]
    pub yes: Option<String>,

    /// Batch run: print the plan and do nothing
    #[arg(long, requires = "batch")]
    pub dry_run: bool,

    /// Batch resume: take back what was done instead of going on
    #[arg(long, requires = "batch")]
    pub back: bool,

    /// Batch run and resume: the answer to the question that the run asks next
    #[arg(long, value_name = "WORD", requires = "batch")]
    pub answer: Option<String>,

    /// Let DRBD's own refusal to promote this resource be overridden; its name in full, once for each
    #[arg(long, value_name = "RESOURCE")]
    pub force: Vec<String>,

    /// Let one side's data of this resource be thrown away; its name in full, once for each
    #[arg(long, value_name = "RESOURCE")]
    pub discard: Vec<String>,

    /// Batch run and resume: take over what this run holds, which is refused everything there from then on; its name in
    /// full, once for each. A planned runbook takes over only from one that is over or dead
    #[arg(long, value_name = "RUN", requires = "batch")]
    pub take_over: Vec<String>,

    /// Take your word that this host is off, where no fencing command can tell; its name in full, once for each
    #[arg(long, value_name = "HOST")]
    pub assert_off: Vec<String>,
}

/// Options of SSH.
#[derive(Debug, Default, Args)]
pub struct SshArgs {
    /// Use this `ssh_config` file, as ssh(1) does; without it the one that the inventory names, else yours
    #[arg(short = 'F', long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,

    /// Offer this private key first; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,

    /// Accept and record the key of a host that has none recorded yet (a changed key is always refused)
    #[arg(long)]
    pub accept_new: bool,
}

/// What `--batch` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Batch {
    /// Hosts and findings after one collection
    Status,
    /// Findings after one collection
    Findings,
    /// One line an event, until ended (ctrl-c, SIGTERM, --timeout or a closed pipe); exits 0 then
    Watch,
    /// What a runbook would do now, step by step, and the plan's hash; or why not
    Plan,
    /// Run a runbook by the plan whose hash --yes names
    Run,
    /// Go on with a run that was left, crashed or parked (or take it back: --back)
    Resume,
    /// Take back what a run has done, whoever drives it
    Cancel,
    /// Runs now and before, newest first
    Runs,
    /// The report of a run, as Markdown (or JSON)
    Report,
    /// Judge a recorded trace of latencies (CSV; `-` is standard input): a line at each change of state
    Failslow,
}

impl Batch {
    /// Whether it is about runbooks and runs, not about watching the fleet.
    #[must_use]
    pub const fn is_about_runs(self) -> bool {
        !matches!(self, Self::Status | Self::Findings | Self::Watch | Self::Failslow)
    }
}

/// What can be asked of runbooks.
#[derive(Debug, Clone, Subcommand)]
pub enum RunbookCommand {
    /// The runbooks, one a line: the built-in ones and those beside the inventory
    List,
    /// A runbook as its file has it
    Show {
        /// Its name
        #[arg(value_name = "RUNBOOK")]
        name: String,
    },
    /// Read a runbook of your own and print every mistake in it; exit 78 when there are errors
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What can be asked of the audit log.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Walk the whole chain and name the first row that does not fit; exit 1 when there is one
    Verify {
        /// Where the journal and the audit log are
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
}

/// Commands beside the console.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read an inventory and print every mistake in it; exit 78 when there are errors
    Check {
        /// The inventory, as with -i
        #[arg(value_name = "FILE", conflicts_with = "inventory")]
        file: Option<PathBuf>,
        /// The inventory file
        #[arg(short, long, value_name = "FILE")]
        inventory: Option<PathBuf>,
    },
    /// Connect to bare hosts and print a draft inventory of what is found there
    Discover {
        /// Addresses or names, as ssh(1) takes them: `[user@]host[:port]`; `localhost` without SSH
        #[arg(required = true, value_name = "HOST")]
        hosts: Vec<String>,
        /// Longest time for looking at them (such as 20s, 5m)
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        timeout: Option<Duration>,
        #[allow(missing_docs, reason = "as above")]
        #[command(flatten)]
        ssh: SshArgs,
        /// Write the log to this file as well
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
    },
    /// Print the JSON schema of the inventory (for editors) or of the status document
    Schema {
        /// The schema of `--batch status --json` instead
        #[arg(long)]
        status: bool,
    },
    /// Print the remote half for use as a forced command behind a read-only key
    ProbeScript {
        /// With the custom probes and MySQL access of this host of the inventory
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        /// Print the sudoers template for this user instead
        #[arg(long, value_name = "USER")]
        sudoers: Option<String>,
        /// The inventory file that declares the host
        #[arg(short, long, value_name = "FILE")]
        inventory: Option<PathBuf>,
    },
    /// Runbooks: what there is, and whether one of your own is sound
    Runbook {
        /// What about them
        #[command(subcommand)]
        what: RunbookCommand,
    },
    /// Practise a runbook on a simulated copy of this inventory, with faults on request; no real host is reached
    Rehearse(Box<RehearseArgs>),
    /// The audit log: who did what and when
    Audit {
        /// What about it
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
    /// Print the paths and settings in force, and what came of them
    Info {
        /// The inventory file
        #[arg(short, long, value_name = "FILE")]
        inventory: Option<PathBuf>,
        /// Use this `ssh_config` file, as ssh(1) does; without it the one that the inventory names, else yours
        #[arg(short = 'F', long, value_name = "FILE")]
        ssh_config: Option<PathBuf>,
    },
}

impl Cli {
    /// Options that stand behind a command, put where those before it stand; they win.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let options = &mut self.options;
        let put = |from: &mut Option<PathBuf>, to: &mut Option<PathBuf>| {
            if from.is_some() {
                *to = from.take();
            }
        };
        match &mut self.command {
            Some(Command::Check { inventory, .. } | Command::ProbeScript { inventory, .. }) => {
                put(inventory, &mut options.inventory);
            }
            Some(Command::Info { inventory, ssh_config }) => {
                put(inventory, &mut options.inventory);
                put(ssh_config, &mut options.ssh.ssh_config);
            }
            Some(Command::Discover { timeout, ssh, log, .. }) => {
                put(log, &mut options.log);
                put(&mut ssh.ssh_config, &mut options.ssh.ssh_config);
                options.ssh.identity.append(&mut ssh.identity);
                options.ssh.accept_new |= ssh.accept_new;
                options.timeout = timeout.or(options.timeout);
            }
            Some(Command::Audit {
                what: AuditCommand::Verify { state_dir },
            }) => put(state_dir, &mut options.runs.state_dir),
            Some(Command::Rehearse(args)) => {
                put(&mut args.inventory, &mut options.inventory);
                put(&mut args.state_dir, &mut options.runs.state_dir);
                options.demo |= args.demo;
                options.runs.force.append(&mut args.force);
                options.runs.discard.append(&mut args.discard);
                options.runs.assert_off.append(&mut args.assert_off);
                self.selectors.append(&mut args.words);
            }
            Some(Command::Schema { .. } | Command::Completions { .. } | Command::Runbook { .. } | Command::Man)
            | None => {}
        }
        self
    }
}

/// Reads `500ms`, `20s`, `5m` or `1h`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number
        .parse()
        .map_err(|_| "a number and a unit, such as 20s".to_owned())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" | "" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        other => return Err(format!("unknown unit {other:?}; use ms, s, m or h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn batch_takes_format_and_selectors_in_any_order() {
        let cli = Cli::try_parse_from(["pointsman", "--demo", "--batch", "status", "--json", "role=storage"]).unwrap();
        assert_eq!(cli.options.batch, Some(Batch::Status));
        assert_eq!(cli.selectors, ["role=storage"]);
        let cli = Cli::try_parse_from(["pointsman", "check", "-i", "x.yaml"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Check { file: None, .. })));
        assert!(Cli::try_parse_from(["pointsman", "--batch", "status", "--json", "--tsv"]).is_err());
        // A format alone must not silently open the console.
        assert!(Cli::try_parse_from(["pointsman", "--demo", "--json"]).is_err());
        assert!(Cli::try_parse_from(["pointsman", "--demo", "--tsv"]).is_err());
    }

    #[test]
    fn runs_take_their_words_and_flags_in_any_order() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["pointsman", "--demo", "--batch"], args].concat());
        let cli = parse(&["run", "slice-move", "slice=web1", "to=stor2", "--yes=abc"]).unwrap();
        assert_eq!(cli.options.batch, Some(Batch::Run));
        assert_eq!(cli.selectors, ["slice-move", "slice=web1", "to=stor2"]);
        assert_eq!(cli.options.runs.yes.as_deref(), Some("abc"));
        let cli = parse(&[
            "plan",
            "--force",
            "r1",
            "failover",
            "--force=r2",
            "slice=web1",
            "--assert-off=stor1",
        ])
        .unwrap();
        assert_eq!(cli.selectors, ["failover", "slice=web1"]);
        assert_eq!(
            (&cli.options.runs.force[..], &cli.options.runs.assert_off[..]),
            (&["r1".to_owned(), "r2".to_owned()][..], &["stor1".to_owned()][..])
        );
        let cli = parse(&["resume", "20261121-1", "--back"]).unwrap();
        assert!(cli.options.runs.back);
        assert!(parse(&["run", "slice-move", "--yes=abc", "--dry-run"]).is_err());
        assert!(Cli::try_parse_from(["pointsman", "--yes=abc"]).is_err());
        let cli = Cli::try_parse_from(["pointsman", "audit", "verify", "--state-dir", "/x"])
            .unwrap()
            .settled();
        assert_eq!(cli.options.runs.state_dir, Some("/x".into()));
        let cli = Cli::try_parse_from([
            "pointsman",
            "-i",
            "x",
            "rehearse",
            "--fault=dead:stor1",
            "failover",
            "--assert-off",
            "stor1",
            "server=stor1",
        ])
        .unwrap()
        .settled();
        assert_eq!(cli.selectors, ["failover", "server=stor1"]);
        assert_eq!(cli.options.runs.assert_off, ["stor1"]);
        assert!(matches!(cli.command, Some(Command::Rehearse(args)) if args.faults == ["dead:stor1"]));
    }

    #[test]
    fn a_command_has_the_options_that_matter_to_it() {
        let help = |name: &str| {
            let mut command = Cli::command();
            command.build();
            command
                .find_subcommand_mut(name)
                .unwrap()
                .render_long_help()
                .to_string()
        };
        for (name, wanted) in [
            ("check", &["--inventory"][..]),
            (
                "discover",
                &["--timeout", "--ssh-config", "--identity", "--accept-new", "--log"],
            ),
            ("schema", &["--status"]),
            ("probe-script", &["--host", "--sudoers", "--inventory"]),
            ("runbook", &[]),
            (
                "rehearse",
                &[
                    "--fault",
                    "--inventory",
                    "--demo",
                    "--batch",
                    "--json",
                    "--dry-run",
                    "--answer",
                    "--then",
                    "--report",
                    "--seed",
                    "--pace",
                    "--force",
                    "--discard",
                    "--assert-off",
                ],
            ),
            ("audit", &[]),
            ("completions", &[]),
            ("man", &[]),
            ("info", &["--inventory", "--ssh-config"]),
        ] {
            let help = help(name);
            let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
            let words = options.flat_map(str::split_whitespace);
            let found: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
            let found: std::collections::BTreeSet<&str> = found.into_iter().filter(|word| *word != "--help").collect();
            assert_eq!(found, wanted.iter().copied().collect(), "{name}: {help}");
        }
    }

    #[test]
    fn options_stand_before_or_behind_the_command() {
        let parse = |args: &[&str]| {
            Cli::try_parse_from([&["pointsman"], args].concat())
                .unwrap()
                .settled()
                .options
        };
        for args in [
            &["-i", "x", "check"][..],
            &["check", "-i", "x"],
            &["-i", "y", "check", "-i", "x"],
        ] {
            assert_eq!(parse(args).inventory, Some("x".into()), "{args:?}");
        }
        for args in [
            &[
                "--accept-new",
                "-F",
                "f",
                "--identity",
                "k",
                "--timeout",
                "3s",
                "--log",
                "l",
                "discover",
                "h",
            ][..],
            &[
                "discover",
                "h",
                "--accept-new",
                "-F",
                "f",
                "--identity",
                "k",
                "--timeout",
                "3s",
                "--log",
                "l",
            ],
        ] {
            let options = parse(args);
            assert!(options.ssh.accept_new && options.ssh.identity == [PathBuf::from("k")]);
            assert_eq!(
                (options.ssh.ssh_config, options.log),
                (Some("f".into()), Some("l".into()))
            );
            assert_eq!(options.timeout, Some(Duration::from_secs(3)));
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_mins(2)));
        assert!(parse_time("soon").is_err());
        assert!(parse_time("3d").is_err());
    }
}
