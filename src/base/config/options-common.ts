import { addr, addrvec, bool, float, int, secs, size, str, uint, uuid } from './option.ts';

/** What every program reads: identity, log, keyring, client. Defaults are those of Ceph 16.2. */
export const COMMON_OPTIONS = {
  host: str('', 'Short name of this host; empty: ask the system', {
    level: 'basic',
    flags: ['no_mon_update'],
  }),
  fsid: uuid('00000000-0000-0000-0000-000000000000', 'Identity of the cluster', {
    level: 'basic',
    flags: ['no_mon_update', 'startup'],
  }),
  no_config_file: bool(false, 'Run without a configuration file', { flags: ['no_mon_update', 'startup'] }),
  mon_host: str('', 'Where the monitors are: addresses, address vectors or host names', {
    level: 'basic',
    flags: ['no_mon_update', 'startup'],
  }),
  mon_host_override: str('', "Monitors to try in place of those in the stored map, 'name=address' each", {
    flags: ['no_mon_update', 'startup'],
  }),
  mon_dns_srv_name: str('ceph-mon', 'Service name whose SRV records are asked for when mon_host is empty', {
    flags: ['startup'],
  }),
  monmap: str('', 'File with a monitor map to start from', { flags: ['no_mon_update', 'create'] }),
  public_addr: addr('-', "Address on the clients' network to bind to", {
    level: 'basic',
    flags: ['startup'],
  }),
  public_addrv: addrvec('', "Addresses on the clients' network to bind to, one for each protocol", {
    level: 'basic',
    flags: ['startup'],
  }),
  public_bind_addr: addr('-', 'Address to bind to where it differs from the one that is announced', {
    flags: ['startup'],
  }),
  public_network: str('', 'Networks (CIDR) from which the public address is chosen', { flags: ['startup'] }),
  cluster_addr: addr('-', 'Address on the replication network to bind to', {
    level: 'basic',
    flags: ['startup'],
  }),
  cluster_network: str('', 'Networks (CIDR) from which the replication address is chosen', {
    flags: ['startup'],
  }),
  run_dir: str('/var/run/ceph', 'Directory for sockets and pid files', { flags: ['startup'] }),
  admin_socket: str('', "Path of the socket that answers 'ceph daemon PATH ...'; empty for none", {
    daemon: '$run_dir/$cluster-$name.asok',
    flags: ['startup'],
  }),
  admin_socket_mode: str('', 'Octal file mode of the admin socket', { flags: ['startup'] }),
  daemonize: bool(false, 'Go to the background after the start', {
    daemon: true,
    flags: ['no_mon_update', 'startup'],
  }),
  setuser: str('', 'User to run as', { flags: ['startup'] }),
  setgroup: str('', 'Group to run as', { flags: ['startup'] }),
  pid_file: str('', 'File that holds the process id; empty for none', { flags: ['startup'] }),
  chdir: str('', 'Directory to change to once in the background', { flags: ['no_mon_update', 'startup'] }),
  fatal_signal_handlers: bool(true, 'Dump recent log events when the process dies of a fault', {
    flags: ['startup'],
  }),
  crash_dir: str('/var/lib/ceph/crash', 'Directory where crash reports are left', { flags: ['startup'] }),
  erasure_code_dir: str(
    '/usr/lib/x86_64-linux-gnu/ceph/erasure-code',
    'Where the C++ daemons find erasure code plugins',
    { flags: ['startup'] },
  ),
  plugin_dir: str('/usr/lib/x86_64-linux-gnu/ceph', 'Where the C++ daemons find other plugins', {
    flags: ['startup'],
  }),
  enable_experimental_unrecoverable_data_corrupting_features: str(
    '',
    'Experimental features to allow, by name',
    { flags: ['runtime'] },
  ),
  log_file: str('', 'File to log to; empty for none', {
    level: 'basic',
    daemon: '/var/log/ceph/$cluster-$name.log',
  }),
  log_max_new: int(1000, 'Log events that may wait to be written'),
  log_max_recent: int(500, 'Log events kept in memory for a dump', { daemon: 10000, min: 1 }),
  log_to_file: bool(true, 'Write to log_file at all', { level: 'basic' }),
  log_to_stderr: bool(true, 'Log to standard error', { level: 'basic', daemon: false }),
  err_to_stderr: bool(false, 'Write errors (level -1) to standard error', { level: 'basic', daemon: true }),
  log_stderr_prefix: str('', 'Text before each line on standard error'),
  log_to_syslog: bool(false, 'Log to syslog', { level: 'basic' }),
  err_to_syslog: bool(false, 'Write errors (level -1) to syslog', { level: 'basic' }),
  log_flush_on_exit: bool(false, 'Write what waits when the process exits'),
  log_stop_at_utilization: float(0.97, 'Stop logging to the file when its disk is this full (0 to 1)', {
    level: 'basic',
    min: 0,
    max: 1,
  }),
  log_to_graylog: bool(false, 'Log to Graylog', { level: 'basic' }),
  err_to_graylog: bool(false, 'Write errors (level -1) to Graylog', { level: 'basic' }),
  log_graylog_host: str('127.0.0.1', "Graylog's address", { level: 'basic' }),
  log_graylog_port: int(12201, "Graylog's port", { level: 'basic' }),
  log_coarse_timestamps: bool(true, 'Take time stamps from the coarse clock'),
  clog_to_monitors: str('default=true', 'Which cluster log channels a daemon sends to the monitors', {
    flags: ['runtime'],
  }),
  clog_to_syslog: str('false', 'Which cluster log channels go to syslog', { flags: ['runtime'] }),
  clog_to_syslog_level: str('info', 'Lowest cluster log level for syslog', { flags: ['runtime'] }),
  clog_to_syslog_facility: str('default=daemon audit=local0', 'Syslog facility of each cluster log channel', {
    flags: ['runtime'],
  }),
  key: str('', 'The secret key itself, base64', { flags: ['no_mon_update', 'startup'] }),
  keyfile: str('', 'File with the secret key, base64', { flags: ['no_mon_update', 'startup'] }),
  keyring: str(
    '/etc/ceph/$cluster.$name.keyring,/etc/ceph/$cluster.keyring,/etc/ceph/keyring,/etc/ceph/keyring.bin,',
    'Keyring files, the first that exists is read',
    { flags: ['no_mon_update', 'startup'] },
  ),
  heartbeat_interval: int(5, 'Seconds between checks that internal threads are alive', {
    flags: ['startup'],
  }),
  heartbeat_file: str('', 'File that is touched while all threads are alive', { flags: ['startup'] }),
  perf: bool(true, 'Keep performance counters'),
  throttler_perf_counter: bool(true, 'Keep performance counters of throttles'),
  threadpool_default_timeout: int(60, 'Seconds after which a busy worker counts as stuck'),
  threadpool_empty_queue_max_wait: int(2, 'Longest sleep of an idle worker, seconds'),
  crush_location: str('', "Where this daemon sits in the CRUSH hierarchy, 'type=name' pairs"),
  crush_location_hook: str('', 'Program that prints the CRUSH location'),
  crush_location_hook_timeout: int(10, 'Seconds the CRUSH location program may take'),
  compressor_zlib_isal: bool(false, 'Use ISA-L for zlib compression'),
  compressor_zlib_level: int(5, 'Compression level of zlib'),
  compressor_zlib_winsize: int(-15, 'Window size of zlib, as deflateInit2 takes it', { min: -15, max: 32 }),
  compressor_zstd_level: int(1, 'Compression level of zstd'),
  client_mount_timeout: secs(
    300,
    'Seconds a client waits for its first maps and tickets before connecting fails',
  ),
  client_mountpoint: str('/', 'Directory of a file system to take as root'),
  client_notify_timeout: int(10, 'Seconds a notify waits for answers when the caller gives no timeout', {
    level: 'dev',
  }),
  librados_thread_count: uint(2, 'Threads that complete operations in the C++ client', { min: 1 }),
  rados_mon_op_timeout: secs(0, 'Seconds after which an operation on the monitors fails; 0 waits for ever', {
    min: 0,
    flags: ['runtime'],
  }),
  rados_osd_op_timeout: secs(0, 'Seconds after which an operation on OSDs fails; 0 waits for ever', {
    min: 0,
    flags: ['runtime'],
  }),
  rados_tracing: bool(false, 'LTTng trace points of the C++ client'),
  objecter_tick_interval: float(5, 'Seconds between looks at outstanding operations', { level: 'dev' }),
  objecter_timeout: float(10, 'Seconds after which an operation counts as laggy and the OSD is pinged'),
  objecter_inflight_op_bytes: size(104857600, 'Bytes of operations in flight before callers wait'),
  objecter_inflight_ops: uint(1024, 'Operations in flight before callers wait'),
  objecter_completion_locks_per_session: uint(32, 'Completion locks of an OSD session in the C++ client', {
    level: 'dev',
  }),
  objecter_inject_no_watch_ping: bool(false, 'Test: send no watch pings', { level: 'dev' }),
  objecter_retry_writes_after_first_reply: bool(false, 'Test: send each write again after its first reply', {
    level: 'dev',
  }),
  objecter_debug_inject_relock_delay: bool(false, 'Test: delay taking a lock again', { level: 'dev' }),
  mon_client_bytes: size(104857600, 'Bytes of messages from monitors in memory before reading stops'),
  mon_client_hunt_parallel: uint(3, 'Monitors that are tried at the same time'),
  mon_client_hunt_interval: float(3, 'Seconds before hunting moves on to other monitors'),
  mon_client_log_interval: float(1, 'Seconds between sending cluster log entries'),
  mon_client_ping_interval: float(10, 'Seconds between keepalives to the monitor'),
  mon_client_ping_timeout: float(30, 'Seconds without an answer after which the monitor is left'),
  mon_client_hunt_interval_backoff: float(
    1.5,
    'Factor by which the hunting interval grows with each failure',
  ),
  mon_client_hunt_interval_min_multiple: float(1, 'Lower bound of that growth'),
  mon_client_hunt_interval_max_multiple: float(10, 'Upper bound of that growth'),
  mon_client_max_log_entries_per_message: int(1000, 'Cluster log entries in one message'),
  mon_client_directed_command_retry: int(2, 'How often a command to one particular monitor is sent again', {
    level: 'dev',
  }),
} as const;
