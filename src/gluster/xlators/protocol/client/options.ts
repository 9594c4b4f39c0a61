import type { OptionTable } from '../../../graph/option-types.ts';

/** Options of protocol/client as GlusterFS 10.3 has them, and those of its transport (socket) that mean something here. */
export const CLIENT_OPTIONS: OptionTable = {
  username: { kind: 'any', description: 'Name that the brick knows this volume by.' },
  password: { kind: 'any', description: 'Password that goes with it.' },
  'transport-type': {
    kind: 'string',
    default: 'tcp',
    values: [
      'tcp',
      'socket',
      'ib-verbs',
      'unix',
      'ib-sdp',
      'tcp/client',
      'ib-verbs/client',
      'rdma',
      'tcp,rdma',
    ],
    description: 'How the brick is reached: TCP, or a unix socket. RDMA is not there.',
  },
  'remote-host': { kind: 'address', description: 'Host of the brick.' },
  'remote-port': {
    kind: 'int',
    min: 0,
    max: 65535,
    description:
      'Port of the brick, or of a glusterd that knows it. 24007 by default: glusterd is asked for the port.',
  },
  'remote-subvolume': { kind: 'any', description: 'Path of the brick on its host.' },
  'frame-timeout': {
    kind: 'time',
    default: '1800',
    min: 0,
    max: 86400,
    aliases: ['rpc-timeout'],
    description: 'Time after which an operation that the server does not answer is given up.',
    reconfigurable: true,
  },
  'ping-timeout': {
    kind: 'time',
    default: '42',
    min: 0,
    max: 1013,
    description: 'Silence of a server after which it is taken for dead; 0: never.',
    reconfigurable: true,
  },
  'client-bind-insecure': {
    kind: 'bool',
    description: 'Use ports above 1024; this client uses no other.',
  },
  'tcp-window-size': {
    kind: 'size',
    description: "Window of the TCP socket; the kernel's own is kept.",
  },
  'filter-O_DIRECT': {
    kind: 'bool',
    default: 'disable',
    description: 'Take O_DIRECT out of open, create, readv and writev, so that the server caches the file.',
    reconfigurable: true,
  },
  'send-gids': {
    kind: 'bool',
    default: 'on',
    description: 'Send all groups of who asks; off: the server finds them out by itself.',
    reconfigurable: true,
  },
  'event-threads': {
    kind: 'int',
    default: '2',
    min: 1,
    max: 32,
    description: 'Threads for events; Node has one.',
    reconfigurable: true,
  },
  'testing.old-protocol': {
    kind: 'bool',
    default: 'off',
    description: 'Speak program 3.3 where the brick has it.',
  },
  'strict-locks': {
    kind: 'bool',
    default: 'off',
    description:
      'Do not reopen files on which POSIX locks are held after a reconnect: the brick has dropped the locks, so operations on them fail.',
    reconfigurable: true,
  },
  'volume-id': { kind: 'any', description: 'The volume that the brick must belong to.' },
  'volfile-key': {
    kind: 'any',
    description: 'What the volfile was asked for by; the brick is told, and checks its volfile against it.',
  },
  'volfile-checksum': { kind: 'int', default: '0', description: 'Checksum of that volfile; 0: unchecked.' },
  'subdir-mount': { kind: 'any', description: 'Directory of the volume that is mounted as its root.' },
  'transport.address-family': {
    kind: 'string',
    default: 'inet',
    values: ['inet', 'inet6', 'inet/inet6', 'inet6/inet', 'unspec', 'unix', 'inet-sdp'],
    aliases: ['address-family'],
    description: 'Kind of address of the brick.',
  },
  'transport.socket.connect-path': {
    kind: 'any',
    aliases: ['connect-path'],
    description: 'Path of the unix socket of the brick.',
  },
  'transport.socket.ssl-enabled': { kind: 'bool', default: 'off', description: 'Speak TLS to the brick.' },
  'transport.socket.ssl-own-cert': {
    kind: 'any',
    description: 'Our certificate; /etc/ssl/glusterfs.pem, or /usr/lib/ssl/glusterfs.pem as Debian has it.',
  },
  'transport.socket.ssl-private-key': {
    kind: 'any',
    description: 'Its key; glusterfs.key beside it.',
  },
  'transport.socket.ssl-ca-list': {
    kind: 'any',
    description: 'Certificates of those who may vouch for the server; glusterfs.ca beside it.',
  },
  'transport.socket.ssl-crl-path': { kind: 'any', description: 'File of certificates that were revoked.' },
  'transport.socket.ssl-cert-depth': {
    kind: 'int',
    default: '1',
    description: "Length of a certificate chain; OpenSSL's own limit is kept.",
  },
  'transport.socket.ssl-cipher-list': { kind: 'any', description: 'Ciphers, as OpenSSL names them.' },
  'transport.socket.ssl-dh-param': { kind: 'any', description: 'Of servers only.' },
  'transport.socket.ssl-ec-curve': { kind: 'any', description: 'Of servers only.' },
  'transport.socket.keepalive': { kind: 'bool', default: 'on', description: 'TCP keepalive.' },
  'transport.socket.keepalive-time': {
    kind: 'int',
    default: '20',
    description: 'Seconds of silence until the first keepalive probe.',
  },
  'transport.socket.keepalive-interval': {
    kind: 'int',
    default: '2',
    description: "Seconds between probes; Node cannot set it: the kernel's own is kept.",
  },
  'transport.socket.keepalive-count': {
    kind: 'int',
    default: '9',
    description: "Probes until the peer is dead; the kernel's own is kept, and ping-timeout is sooner.",
  },
  'transport.tcp-user-timeout': {
    kind: 'int',
    default: '0',
    description: 'Not to be set from Node; ping-timeout serves.',
  },
  'transport.socket.nodelay': { kind: 'bool', default: 'on', description: 'TCP_NODELAY; always on.' },
  'transport.socket.read-fail-log': { kind: 'bool', default: 'on', description: 'Log reads that fail.' },
  'transport.socket.ignore-enoent': {
    kind: 'bool',
    default: 'off',
    description: 'Do not log that a unix socket is not there.',
  },
  'transport.socket.lowlat': { kind: 'any', description: 'Not used.' },
  'transport.socket.bind-address': { kind: 'any', description: 'Not used: the system chooses.' },
  'transport.listen-backlog': { kind: 'int', description: 'Of servers only.' },
  'secure-management': {
    kind: 'bool',
    default: 'off',
    description:
      'Speak TLS to glusterd (port 24007). Where it is not set, /var/lib/glusterd/secure-access says so, as for GlusterFS itself.',
  },
};
