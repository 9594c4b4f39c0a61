import { NacreError } from '../../base/errors.ts';

/** For what there is no room for yet: names it. */
export function notYet(what: string): never {
  throw new NacreError('ENOTSUP', `rbd.${what}`, `${what} is not there yet`);
}
