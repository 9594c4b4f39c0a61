import { NacreError } from '../errors.ts';

/** Types that have a place in configuration and keyrings (msg/msg_types.h). */
const TYPES = ['auth', 'mon', 'osd', 'mds', 'mgr', 'client'];

/** Who we are towards the cluster: 'client.admin', 'osd.3' (common/entity_name.h). */
export class EntityId {
  readonly type: string;
  readonly id: string;

  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }

  /** Throws EINVAL for anything but TYPE.ID with a known type. */
  static parse(text: string): EntityId {
    const dot = text.indexOf('.');
    const type = text.slice(0, dot);
    if (dot < 0 || !TYPES.includes(type) || dot === text.length - 1)
      throw new NacreError(
        'EINVAL',
        'config.name',
        `'${text}' is no name of the form TYPE.ID with a type of ${TYPES.join(', ')}`,
      );
    return new EntityId(type, text.slice(dot + 1));
  }

  toString(): string {
    return `${this.type}.${this.id}`;
  }
}
