-- What the remote half asks a MySQL or MariaDB server, in one run of the host's own client.
-- Each block begins with a line '#name': a column name, which the client prints above the rows.
-- How long the server takes for all of this, by its own clock: a fixed piece of work, as good as a ping.
/*!50604 SET @pm_begin = SYSDATE(6) */;
SELECT CONCAT(@@version, CHAR(9), @@version_comment) AS '#version';
SET @pm_maria = @@version LIKE '%MariaDB%';
SELECT '' AS '#variables';
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'report_host', 'server_id', 'server_uuid', 'read_only', 'super_read_only', 'log_bin', 'log_replica_updates', 'log_slave_updates', 'gtid_mode', 'gtid_domain_id', 'max_connections', 'innodb_buffer_pool_size', 'rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_enabled', 'rpl_semi_sync_replica_enabled', 'rpl_semi_sync_slave_enabled', 'wsrep_on', 'wsrep_cluster_name');
-- MySQL breaks long GTID sets into lines. MariaDB skips comments of these versions, and this column with it.
SELECT 'gtid_executed' AS Variable_name /*!50700 , REPLACE(@@GLOBAL.gtid_executed, CHAR(10), '') AS Value */;
-- MariaDB's positions: SHOW VARIABLES cuts a value behind 1024 characters.
SET @pm_ask = IF(@pm_maria, 'SELECT CONCAT(''gtid_binlog_pos'', CHAR(9), IFNULL(@@GLOBAL.gtid_binlog_pos, ''''), CHAR(10), ''gtid_binlog_state'', CHAR(9), IFNULL(@@GLOBAL.gtid_binlog_state, ''''), CHAR(10), ''gtid_slave_pos'', CHAR(9), IFNULL(@@GLOBAL.gtid_slave_pos, '''')) AS positions', 'DO 0');
PREPARE pm FROM @pm_ask;
EXECUTE pm;
DEALLOCATE PREPARE pm;
SELECT '' AS '#status';
SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'Queries', 'Slow_queries', 'Threads_running', 'Threads_connected', 'Max_used_connections', 'Innodb_buffer_pool_read_requests', 'Innodb_buffer_pool_reads', 'wsrep_cluster_status', 'wsrep_ready', 'wsrep_connected', 'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_cluster_size', 'wsrep_cluster_state_uuid', 'wsrep_cluster_conf_id', 'wsrep_local_state_uuid', 'wsrep_flow_control_paused', 'wsrep_local_recv_queue', 'wsrep_local_recv_queue_avg', 'wsrep_last_committed') OR Variable_name LIKE 'Rpl\_semi\_sync\_%';
-- MariaDB: every connection with its name. MySQL: the new words from 8.0.22 on, the old ones before.
SET @pm_new = SUBSTRING_INDEX(@@version, '.', 1) * 10000 + SUBSTRING_INDEX(SUBSTRING_INDEX(@@version, '.', 2), '.', -1) * 100 + CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(@@version, '-', 1), '.', 3), '.', -1) AS UNSIGNED) >= 80022;
SELECT '' AS '#replica';
SET @pm_ask = IF(@pm_maria, 'SHOW ALL SLAVES STATUS', IF(@pm_new, 'SHOW REPLICA STATUS', 'SHOW SLAVE STATUS'));
PREPARE pm FROM @pm_ask;
EXECUTE pm\G
DEALLOCATE PREPARE pm;
SELECT '' AS '#replicas';
SET @pm_ask = IF(@pm_maria OR NOT @pm_new, 'SHOW SLAVE HOSTS', 'SHOW REPLICAS');
PREPARE pm FROM @pm_ask;
EXECUTE pm;
DEALLOCATE PREPARE pm;
SELECT '' AS '#took';
SELECT TIMESTAMPDIFF(MICROSECOND, @pm_begin, SYSDATE(6)) AS took_us;
