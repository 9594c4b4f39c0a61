import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeMap, decStr, encodeMap, encStr } from '../types/collections.ts';
import { entityTypeFromName, entityTypeName } from '../types/entity.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_CONFIG, MSG_GET_CONFIG, MSG_KV_DATA } from './message-types.ts';

/** MConfig (messages/MConfig.h): map str -> str: all options that the monitors set for the receiver. */
export class MConfig extends Message {
  readonly type = MSG_CONFIG;
  version = 1;
  compatVersion = 1;
  config: ReadonlyMap<string, string>;

  constructor(config: ReadonlyMap<string, string>) {
    super();
    this.config = config;
  }

  override encodePayload(e: Encoder): void {
    encodeMap(e, this.config, encStr, encStr);
  }

  override describe(): string {
    return `config(${this.config.size} keys)`;
  }
}

/**
 * MGetConfig (messages/MGetConfig.h): asks for the options before authentication. EntityName (u32 type, str
 * id), str host, str device class.
 */
export class MGetConfig extends Message {
  readonly type = MSG_GET_CONFIG;
  version = 1;
  compatVersion = 1;
  /** 'client.admin'. */
  entityName: string;
  host: string;
  deviceClass = '';

  constructor(entityName: string, host: string) {
    super();
    this.entityName = entityName;
    this.host = host;
  }

  override encodePayload(e: Encoder): void {
    const dot = this.entityName.indexOf('.');
    e.u32(entityTypeFromName(this.entityName.slice(0, dot)));
    e.str(this.entityName.slice(dot + 1));
    e.str(this.host);
    e.str(this.deviceClass);
  }

  override describe(): string {
    const deviceClass = this.deviceClass === '' ? '' : ` device_class ${this.deviceClass}`;
    return `get_config(${this.entityName}@${this.host}${deviceClass})`;
  }
}

function encodeOptionalBlob(e: Encoder, value: Uint8Array | undefined): void {
  e.bool(value !== undefined);
  if (value !== undefined) e.blob(value);
}

function decodeOptionalBlob(d: Decoder): Buffer | undefined {
  return d.bool() ? d.blob() : undefined;
}

/**
 * MKVData (messages/MKVData.h): what a subscription 'kv:PREFIX' brings. u64 version, str prefix, u8
 * incremental, map str key -> optional blob (none: the key was removed).
 */
export class MKVData extends Message {
  readonly type = MSG_KV_DATA;
  version = 1;
  compatVersion = 1;
  kvVersion = 0;
  prefix = '';
  incremental = false;
  values: ReadonlyMap<string, Uint8Array | undefined> = new Map();

  override encodePayload(e: Encoder): void {
    e.u64(this.kvVersion);
    e.str(this.prefix);
    e.bool(this.incremental);
    encodeMap(e, this.values, encStr, encodeOptionalBlob);
  }

  override describe(): string {
    const kind = this.incremental ? 'incremental' : 'full';
    return `kv_data(v${this.kvVersion} prefix ${this.prefix}, ${kind}, ${this.values.size} keys)`;
  }
}

registerMessage(MSG_CONFIG, d => new MConfig(decodeMap(d, 8, decStr, decStr)));
registerMessage(MSG_GET_CONFIG, d => {
  const entityType = d.u32();
  const id = d.str();
  const m = new MGetConfig(`${entityTypeName(entityType)}.${id}`, d.str());
  m.deviceClass = d.str();
  return m;
});
registerMessage(MSG_KV_DATA, d => {
  const m = new MKVData();
  m.kvVersion = d.u64();
  m.prefix = d.str();
  m.incremental = d.bool();
  m.values = decodeMap(d, 5, decStr, decodeOptionalBlob);
  return m;
});
