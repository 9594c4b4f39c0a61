import { ERRNO } from '../../../../base/errno.ts';
import { DecodeError, type NacreError } from '../../../../base/errors.ts';
import type { NetAddress, TimerHandle } from '../../../../env/env.ts';
import type { Options } from '../../../graph/option-types.ts';
import type { XlatorHost } from '../../../graph/xlator.ts';
import { type Callback, decodeCallback } from '../../../rpc/callback.ts';
import { RpcCall, RpcConnection, type RpcConnectionOptions } from '../../../rpc/connection.ts';
import { dumpReply, dumpRequest } from '../../../rpc/dump.ts';
import { type FopWire, WIRE_3, WIRE_4 } from '../../../rpc/fop-wire.ts';
import { setvolumeReply, setvolumeRequest } from '../../../rpc/handshake.ts';
import type { CallHeader } from '../../../rpc/message.ts';
import { portByBrickReply, portByBrickRequest } from '../../../rpc/portmap.ts';
import {
  CBK_PROGRAM,
  DUMP_DUMP,
  DUMP_PROGRAM,
  DUMP_VERSION,
  FOP_PROGRAM,
  FOP_VERSION_3,
  FOP_VERSION_4,
  HNDSK_PROGRAM,
  HNDSK_SETVOLUME,
  HNDSK_VERSION,
  PMAP_PORTBYBRICK,
  PMAP_PROGRAM,
  PMAP_VERSION,
  type ProgramDetail,
} from '../../../rpc/programs.ts';
import type { XdrDecoder } from '../../../rpc/xdr-decoder.ts';
import type { Dict } from '../../../types/dict.ts';
import { setvolumeDict } from './setvolume.ts';
import { nodeIsSecure, tlsOf } from './tls.ts';

const GLUSTERD_PORT = 24007;
/** Gluster tries again every 3 s; the first attempts come sooner, as a brick that was restarted is there within a second. */
const FIRST_RETRY_MS = 100;
const RETRY_MS = 3000;
const NEVER_MS = 2 ** 31 - 1;

/** Options that say where the brick is, and who we are to it. */
const PLACE = [
  'remote-host',
  'remote-port',
  'remote-subvolume',
  'transport.socket.connect-path',
  'username',
  'password',
];

/** What the link tells its xlator. */
export interface BrickLinkUser {
  /** The brick has taken us in. Fops may go. `childUp`: it says that it works. */
  attached(connection: RpcConnection, wire: FopWire, childUp: boolean): void;
  /** The connection is lost, or could not be made. All calls on it have failed. */
  detached(): void;
  /** The brick refuses this client. It is asked again later. */
  authFailed(message: string): void;
  /** The handshake failed for another reason, and is tried again. */
  connecting(): void;
  callback(event: Callback): void;
  ponged(): void;
}

/** A call of the handshake. */
class StepCall extends RpcCall {
  private readonly step: (d: XdrDecoder) => void;
  private readonly failed: (message: string) => void;

  constructor(step: (d: XdrDecoder) => void, failed: (message: string) => void) {
    super();
    this.step = step;
    this.failed = failed;
  }

  reply(d: XdrDecoder): void {
    try {
      this.step(d);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.failed(error.message);
    }
  }

  fail(_errno: number, message: string): void {
    this.failed(message);
  }
}

/**
 * Keeps a connection to one brick: asks glusterd for its port, connects there, chooses the program, shakes hands (client-handshake.c),
 * and begins again when the connection is lost.
 */
export class BrickLink {
  private options: Options;
  private readonly host: XlatorHost;
  private readonly name: string;
  private readonly logName: string;
  private readonly user: BrickLinkUser;
  private connection: RpcConnection | undefined;
  private wanted = false;
  /** Port that glusterd named; the next connection goes there. */
  private brickPort: number | undefined;
  private attempts = 0;
  private setvolumes = 0;
  private retryTimer: TimerHandle | undefined;
  /** What has been logged and need not be again until something works. */
  private complained = '';

  constructor(host: XlatorHost, name: string, logName: string, options: Options, user: BrickLinkUser) {
    this.host = host;
    this.name = name;
    this.logName = logName;
    this.options = options;
    this.user = user;
  }

  /** New options: timeouts at once; where the brick is now another, a new connection. */
  reconfigure(options: Options): void {
    const before = this.options;
    this.options = options;
    const { connection } = this;
    if (connection === undefined) return;
    connection.setTimeouts(...this.timeouts());
    if (PLACE.some(name => before.text(name) !== options.text(name)))
      connection.close('ENOTCONN', 'the brick is another now');
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.connect();
  }

  /** Ends the connection and tries no more. Idempotent. */
  stop(): void {
    this.wanted = false;
    if (this.retryTimer !== undefined) this.host.env.timers.clear(this.retryTimer);
    this.retryTimer = undefined;
    this.connection?.close();
  }

  /** '127.0.0.1:49152'; undefined while there is no connection. */
  get peer(): string | undefined {
    return this.connection?.peer;
  }

  private address(): NetAddress {
    const { options } = this;
    const family = options.text('transport.address-family');
    const path = options.text('transport.socket.connect-path');
    if (path !== undefined && (family === 'unix' || options.text('transport-type') === 'unix'))
      return { path };
    const host = options.text('remote-host') ?? 'localhost';
    const port = this.brickPort ?? (options.isSet('remote-port') ? options.number('remote-port') : 0);
    return { host, port: port === 0 ? GLUSTERD_PORT : port };
  }

  private connect(): void {
    const { options } = this;
    const address = this.address();
    const toGlusterd = 'port' in address && address.port === GLUSTERD_PORT;
    const secure = toGlusterd ? this.secureManagement() : options.bool('transport.socket.ssl-enabled');
    if (!secure) {
      this.open(address, {});
      return;
    }
    tlsOf(this.host.env, options).then(
      tls => {
        if (this.wanted) this.open(address, { tls });
      },
      (error: NacreError) => {
        this.complain('E', error.message);
        this.lost();
      },
    );
  }

  /** Where the volume does not say, the node does, as to Gluster's own client. */
  private secureManagement(): boolean {
    const { options, host } = this;
    if (options.isSet('secure-management')) return options.bool('secure-management');
    return nodeIsSecure(host.env);
  }

  private open(address: NetAddress, tls: RpcConnectionOptions): void {
    const { options } = this;
    const keepAlive = options.bool('transport.socket.keepalive');
    const [callTimeoutMs, pingTimeoutMs] = this.timeouts();
    const connection = new RpcConnection(
      this.host.env,
      address,
      {
        onUp: () => this.dump(connection),
        onDown: error => this.down(connection, error),
        onCall: (header, d) => this.called(header, d),
        onPing: () => this.user.ponged(),
      },
      {
        ...tls,
        callTimeoutMs,
        pingTimeoutMs,
        ...(keepAlive && { keepAliveMs: options.number('transport.socket.keepalive-time') * 1000 }),
      },
    );
    this.connection = connection;
  }

  private timeouts(): readonly [call: number, ping: number] {
    const frameTimeout = this.options.number('frame-timeout');
    return [frameTimeout === 0 ? NEVER_MS : frameTimeout * 1000, this.options.number('ping-timeout') * 1000];
  }

  private down(connection: RpcConnection, error: NacreError): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.complain('W', error.message);
    this.lost();
  }

  /** The way to the brick has ended somewhere: tells it, and begins again at glusterd. */
  private lost(): void {
    this.brickPort = undefined;
    this.user.detached();
    if (!this.wanted || this.retryTimer !== undefined) return;
    const wait = Math.min(RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.attempts++, 10));
    this.retryTimer = this.host.env.timers.set(() => {
      this.retryTimer = undefined;
      this.connect();
    }, wait);
  }

  /** Gives up this connection: the next attempt begins from the start. */
  private giveUp(connection: RpcConnection, level: 'E' | 'W', message: string): void {
    if (this.connection !== connection) return;
    this.complain(level, message);
    connection.close();
  }

  private complain(level: 'E' | 'W', message: string): void {
    if (this.complained === message) return;
    this.complained = message;
    this.host.log.log(level, this.logName, message);
  }

  private step(
    connection: RpcConnection,
    what: string,
    program: number,
    version: number,
    procedure: number,
    encode: (e: ReturnType<RpcConnection['begin']>) => void,
    step: (d: XdrDecoder) => void,
  ): void {
    encode(connection.begin(program, version, procedure));
    connection.submit(new StepCall(step, message => this.giveUp(connection, 'W', `${what}: ${message}`)));
  }

  private dump(connection: RpcConnection): void {
    this.step(connection, 'DUMP', DUMP_PROGRAM, DUMP_VERSION, DUMP_DUMP, dumpRequest, d => {
      const { ret, programs } = dumpReply(d);
      if (ret < 0) this.giveUp(connection, 'E', 'the server does not tell its programs');
      else if (programs.some(p => p.number === PMAP_PROGRAM && p.version === PMAP_VERSION)) {
        // A port that leads to a glusterd again leads nowhere.
        if (this.brickPort === undefined && !('path' in connection.address)) this.askPort(connection);
        else this.giveUp(connection, 'E', `${connection.peer} is a glusterd where a brick should be`);
      } else this.choose(connection, programs);
    });
  }

  private askPort(connection: RpcConnection): void {
    const brick = this.options.text('remote-subvolume') ?? '';
    this.step(
      connection,
      'PORTBYBRICK',
      PMAP_PROGRAM,
      PMAP_VERSION,
      PMAP_PORTBYBRICK,
      e => portByBrickRequest(e, brick),
      d => {
        const { ret, port } = portByBrickReply(d);
        if (ret < 0 || port <= 0) {
          this.giveUp(
            connection,
            'E',
            `${connection.peer} has no port for the brick ${brick}: is it running? ('gluster volume status' tells)`,
          );
          return;
        }
        // On to the brick: nobody needs to hear of the end of this connection.
        this.brickPort = port;
        this.connection = undefined;
        connection.close();
        if (this.wanted) this.connect();
      },
    );
  }

  private choose(connection: RpcConnection, programs: readonly ProgramDetail[]): void {
    const has = (version: number) => programs.some(p => p.number === FOP_PROGRAM && p.version === version);
    const old = this.options.bool('testing.old-protocol') && has(FOP_VERSION_3);
    const wire = has(FOP_VERSION_4) && !old ? WIRE_4 : has(FOP_VERSION_3) ? WIRE_3 : undefined;
    if (wire === undefined) {
      const names = programs.map(p => `${p.name} ${p.version}`).join(', ');
      this.giveUp(connection, 'E', `${connection.peer} speaks neither GlusterFS 4.x nor 3.3 (${names})`);
      return;
    }
    connection.flavor = wire.flavor;
    this.setvolume(connection, wire);
  }

  private setvolume(connection: RpcConnection, wire: FopWire): void {
    const dict = setvolumeDict(this.host, this.options, this.name, this.setvolumes++);
    this.step(
      connection,
      'SETVOLUME',
      HNDSK_PROGRAM,
      HNDSK_VERSION,
      HNDSK_SETVOLUME,
      e => setvolumeRequest(e, dict),
      d => {
        const { ret, errno, dict: answer } = setvolumeReply(d);
        if (ret < 0) this.refused(connection, errno, answer);
        else this.accepted(connection, wire, answer);
      },
    );
  }

  private refused(connection: RpcConnection, errno: number, answer: Dict): void {
    const why = answer.string('ERROR') ?? `error ${errno}`;
    const message = `${connection.peer} refuses this client: ${why}`;
    if (errno === ERRNO['EACCES'] || errno === ERRNO['EPERM']) {
      this.attempts = 10;
      this.user.authFailed(message);
    } else this.user.connecting();
    this.giveUp(connection, 'E', message);
  }

  private accepted(connection: RpcConnection, wire: FopWire, answer: Dict): void {
    const volume = answer.string('volume-id');
    const expected = this.options.text('volume-id');
    if (expected !== undefined && volume !== undefined && expected !== volume) {
      this.giveUp(connection, 'E', `${connection.peer} is a brick of volume ${volume}, not of ${expected}`);
      return;
    }
    this.attempts = 0;
    this.complained = '';
    // A brick that does not say is one of an older release, which works when it answers.
    this.user.attached(connection, wire, answer.int('child_up') !== 0);
  }

  private called(header: CallHeader, d: XdrDecoder): void {
    if (header.program === CBK_PROGRAM) this.user.callback(decodeCallback(d, header.procedure));
  }
}
