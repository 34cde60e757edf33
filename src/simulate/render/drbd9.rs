//! `drbdsetup status --json` of DRBD 9 (drbd-utils `drbdsetup.c`).

use super::{
    put, sides,
    storage::{pending, unacked, words},
};
use crate::simulate::{drbd::Role, island::Island, node::whole};

/// All resources, or the one of that name; `false` when there is none.
pub fn status(island: &Island, at: usize, only: Option<&str>, out: &mut String) -> bool {
    let mut found = false;
    out.push_str("[\n");
    let wanted = sides(island, at).filter(|(replica, _)| only.is_none_or(|name| name == replica.resource));
    for (number, (replica, side)) in wanted.enumerate() {
        found = true;
        if number > 0 {
            out.push_str(",\n");
        }
        let own = &replica.sides[side];
        let peer = &island.nodes[replica.sides[1 - side].node].name;
        let (connection, replication, peer_role, peer_disk) = words(replica, side);
        put!(
            out,
            "{{\n  \"name\": \"{}\",\n  \"node-id\": {side},\n  \"role\": \"{}\",\n  \"suspended\": false,\n  \"suspended-user\": false,\n  \"suspended-no-data\": false,\n  \"suspended-fencing\": false,\n  \"suspended-quorum\": false,\n  \"force-io-failures\": false,\n  \"write-ordering\": \"flush\",\n",
            replica.resource,
            own.role.word()
        );
        put!(
            out,
            "  \"devices\": [\n    {{\n      \"volume\": 0,\n      \"minor\": {},\n      \"disk-state\": \"{}\",\n      \"client\": false,\n      \"open\": {},\n      \"quorum\": true,\n      \"size\": {},\n      \"read\": {},\n      \"written\": {},\n      \"al-writes\": {},\n      \"bm-writes\": 0,\n      \"upper-pending\": 0,\n      \"lower-pending\": 0\n    }} ],\n",
            replica.minor,
            own.data.word(),
            own.role == Role::Primary,
            replica.size_kib,
            whole(own.read_kib),
            whole(own.written_kib),
            whole(own.written_kib / 4000.0)
        );
        put!(
            out,
            "  \"connections\": [\n    {{\n      \"peer-node-id\": {},\n      \"name\": \"{peer}\",\n      \"connection-state\": \"{connection}\",\n      \"congested\": false,\n      \"peer-role\": \"{peer_role}\",\n      \"tls\": false,\n      \"ap-in-flight\": 0,\n      \"rs-in-flight\": 0,\n",
            1 - side
        );
        let left = replica.out_of_sync_kib(side);
        let percent = 100.0 * (1.0 - left / replica.size_kib as f64);
        put!(
            out,
            "      \"peer_devices\": [\n        {{\n          \"volume\": 0,\n          \"replication-state\": \"{replication}\",\n          \"peer-disk-state\": \"{peer_disk}\",\n          \"peer-client\": false,\n          \"resync-suspended\": \"no\",\n          \"received\": {},\n          \"sent\": {},\n          \"out-of-sync\": {},\n          \"pending\": {},\n          \"unacked\": {},\n",
            whole(own.received_kib),
            whole(own.sent_kib),
            whole(left),
            pending(replica, side),
            unacked(replica, side)
        );
        if let Some(resync) = &replica.resync {
            put!(
                out,
                "          \"estimated-seconds-to-finish\": {},\n          \"db/dt [MiB/s]\": {:.2},\n          \"done\": {:.2},\n",
                whole(resync.left_kib / resync.speed_kib_s.max(1.0)),
                resync.speed_kib_s / 1024.0,
                (1.0 - resync.left_kib / resync.total_kib) * 100.0
            );
        }
        put!(
            out,
            "          \"has-sync-details\": {},\n          \"has-online-verify-details\": false,\n          \"percent-in-sync\": {percent:.2}\n        }} ]\n    }} ]\n}}",
            replica.resync.is_some()
        );
    }
    out.push_str("\n]\n");
    found
}
