//! The looks at one host, and what came of each: one call for all, in which mounts that may hang wait side by side.

use crate::{
    facts::{UnixMs, Why},
    runbook::{
        observe::client,
        sight::{Glimpse, Look, Printed},
        target::Said,
    },
};

/// The looks of one host, and the commands that take them.
pub(super) struct Asked {
    /// Each by a command of its own.
    plain: Vec<Look>,
    /// Mounts, by the last command together.
    mounts: Vec<Look>,
    pub(super) argvs: Vec<Vec<String>>,
}

impl Asked {
    pub(super) fn of(looks: Vec<Look>) -> Self {
        let (mut mounts, mut plain): (Vec<Look>, Vec<Look>) =
            looks.into_iter().partition(|look| client::statfs_place(look).is_some());
        if mounts.len() == 1 {
            plain.append(&mut mounts);
        }
        let mut argvs: Vec<Vec<String>> = plain.iter().map(|look| look.argv.clone()).collect();
        let places: Vec<&str> = mounts.iter().filter_map(client::statfs_place).collect();
        if !places.is_empty() {
            argvs.push(client::statfs_all(&places));
        }
        Self { plain, mounts, argvs }
    }

    /// What each look gave, by what the commands printed.
    pub(super) fn answered(self, answers: Result<Vec<Printed>, Why>, at: UnixMs) -> Vec<(Look, Glimpse)> {
        let alone = self.plain.len();
        let mounts = self.mounts.len();
        let of_mounts = |printed: &Vec<Printed>| {
            let text = printed.get(alone).map_or("", |printed| &printed.text);
            client::statfs_exits(text, mounts).into_iter().map(|exit| {
                exit.map(|exit| Printed {
                    exit,
                    text: String::new(),
                })
                .ok_or_else(|| Why::Hung("the mount does not answer".into()))
            })
        };
        let each: Vec<Result<Printed, Why>> = match answers {
            Ok(printed) => {
                let of_mounts: Vec<_> = of_mounts(&printed).collect();
                printed.into_iter().take(alone).map(Ok).chain(of_mounts).collect()
            }
            Err(why) => vec![Err(why); alone + mounts],
        };
        let looks = self.plain.into_iter().chain(self.mounts);
        looks
            .zip(each)
            .map(|(look, answer)| (look, Glimpse { at, answer }))
            .collect()
    }
}

/// What the looks printed, in their order.
pub(super) fn glimpses(said: &[Said], count: usize) -> Result<Vec<Printed>, Why> {
    let mut printed = Vec::new();
    for line in said {
        match line {
            Said::Looked(one) => printed.push(one.clone()),
            Said::Refused(kind, seen) => return Err(Why::Failed(format!("{kind}: {seen}").into())),
            _ => return Err(Why::Garbled("an answer that was not asked for".into())),
        }
    }
    if printed.len() == count {
        Ok(printed)
    } else {
        Err(Why::Garbled(
            format!("{} answers to {count} looks", printed.len()).into(),
        ))
    }
}
