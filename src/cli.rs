//! The command line: what can be asked of the program, and nothing of how it is done.

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

The inventory is, if not given: $POINTSMAN_INVENTORY, ./inventory.yaml,
$XDG_CONFIG_HOME/pointsman/inventory.yaml, /etc/pointsman/inventory.yaml.")]
pub struct Cli {
    #[allow(missing_docs, reason = "a doc comment here would become the program's")]
    #[command(flatten)]
    pub options: Options,

    /// Only these hosts, such as role=storage,site=lax (and what is needed to judge them)
    #[arg(value_name = "SELECTOR")]
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
    #[arg(short, long, value_name = "FILE", global = true)]
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

    /// Print instead of showing: one status, the findings alone, or events as they come
    #[arg(long, value_name = "WHAT")]
    pub batch: Option<Batch>,

    /// Batch: JSON (one document, or one line an event)
    #[arg(long, conflicts_with = "tsv", requires = "batch")]
    pub json: bool,

    /// Batch: tab-separated values with a header line
    #[arg(long, requires = "batch")]
    pub tsv: bool,

    /// Batch: longest time for one collection; for `watch` the whole time (such as 20s, 5m)
    #[arg(long, value_name = "TIME", value_parser = parse_time, global = true)]
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
    pub ssh: SshArgs,

    /// Write the log to this file as well
    #[arg(long, value_name = "FILE", global = true)]
    pub log: Option<PathBuf>,
}

/// Options of SSH.
#[derive(Debug, Args)]
pub struct SshArgs {
    /// Use this `ssh_config` file, as ssh(1) does
    #[arg(short = 'F', long, value_name = "FILE", global = true)]
    pub ssh_config: Option<PathBuf>,

    /// Offer this private key first; may be given more than once
    #[arg(long, value_name = "FILE", global = true)]
    pub identity: Vec<PathBuf>,

    /// Accept and record the key of a host that has none recorded yet (a changed key is always refused)
    #[arg(long, global = true)]
    pub accept_new: bool,
}

/// What `--batch` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Batch {
    /// Hosts and findings after one collection
    Status,
    /// Findings after one collection
    Findings,
    /// One line an event, until ended
    Watch,
}

/// Commands beside the console.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read an inventory and print every mistake in it; exit 78 when there are errors
    Check {
        /// The inventory, as with -i
        #[arg(value_name = "FILE", conflicts_with = "inventory")]
        file: Option<PathBuf>,
    },
    /// Connect to bare hosts and print a draft inventory of what is found there
    Discover {
        /// Addresses or names, as ssh(1) takes them: `[user@]host[:port]`; `localhost` without SSH
        #[arg(required = true, value_name = "HOST")]
        hosts: Vec<String>,
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
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
    /// Print the paths and settings in force
    Info,
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
        assert!(matches!(cli.command, Some(Command::Check { file: None })));
        assert!(Cli::try_parse_from(["pointsman", "--batch", "status", "--json", "--tsv"]).is_err());
        // A format alone must not silently open the console.
        assert!(Cli::try_parse_from(["pointsman", "--demo", "--json"]).is_err());
        assert!(Cli::try_parse_from(["pointsman", "--demo", "--tsv"]).is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_mins(2)));
        assert!(parse_time("soon").is_err());
        assert!(parse_time("3d").is_err());
    }
}
