import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { formatGeneral } from '../../base/printf.ts';
import { TextTable } from '../../base/text-table.ts';
import {
  addBucket,
  addSimpleRule,
  adjustItemWeight,
  adjustSubtreeWeight,
  type CrushMap,
  checkNames,
  createOrMoveItem,
  decodeCrushMap,
  dumpCrush,
  dumpRule,
  dumpTunables,
  encodeCrushMap,
  getOrCreateClass,
  linkBucket,
  locationText,
  moveBucket,
  rebuildRootsWithClasses,
  removeItem,
  removeRule,
  reweight,
  setItemClass,
  setItemName,
  setTunables,
  swapBucket,
  TUNABLES_PROFILES,
  type TunablesProfile,
  updateItem,
  weightFromFloat,
} from '../crush/index.ts';
import { osdTreeJson, osdTreeText, POOL_REPLICATED } from '../osdmap/index.ts';
import {
  COMMAND_DEPRECATED,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
  isPlain,
} from './command.ts';
import type { MonCore } from './core.ts';

const NAME = 'name=name,type=CephString,goodchars=[A-Za-z0-9-_.]';
const ARGS = 'name=args,type=CephString,n=N,goodchars=[A-Za-z0-9-_.=]';
const WEIGHT = 'name=weight,type=CephFloat,range=0.0';

/** `{host=a,root=default}`: a location as C++ prints a map. */
function locText(loc: ReadonlyMap<string, string>): string {
  return locationText(new Map([...loc].sort((a, b) => (a[0] < b[0] ? -1 : 1))));
}

/** Commands about the CRUSH map. */
export function osdCrushCommands(core: MonCore): CommandSpec[] {
  const { osds } = core;
  const done = (status = ''): CommandReply => ({ status, after: osds });
  /** The CRUSH map with the changes of the pending epoch, to look at. */
  const crush = (): CrushMap => {
    if (osds.hasPending && osds.pending.inc.crush.length > 0)
      return decodeCrushMap(new Decoder(osds.pending.inc.crush, 'CrushMap'));
    return osds.map.crush;
  };
  const change = <T>(run: (crush: CrushMap) => T): T => osds.pending.changeCrush(run);
  const item = (call: CommandCall, arg = 'name'): number => {
    const name = call.args.str(arg);
    const id = crush().names.id(name);
    if (id === undefined)
      throw new NacreError('ENOENT', call.prefix, `device '${name}' does not appear in the crush map`);
    return id;
  };
  const existingOsd = (call: CommandCall): number => {
    const osd = call.args.osd('id');
    if (!osds.map.exists(osd) && (!osds.hasPending || osds.pending.state(osd) === 0))
      throw new NacreError(
        'ENOENT',
        call.prefix,
        `osd.${osd} does not exist.  create it before updating the crush map`,
      );
    return osd;
  };

  const createOrMove = (call: CommandCall): CommandReply => {
    const osd = existingOsd(call);
    const weight = call.args.float('weight');
    const loc = call.args.location('args');
    const name = `osd.${osd}`;
    const changed = change(map => createOrMoveItem(map, osd, weight, name, loc));
    if (!changed)
      return done(
        `create-or-move updated item name '${name}' weight ${formatGeneral(weight, 6)} at location ${locText(loc)} to crush map`,
      );
    return done(
      `create-or-move updating item name '${name}' weight ${formatGeneral(weight, 6)} at location ${locText(loc)} to crush map`,
    );
  };
  const set = (call: CommandCall): CommandReply => {
    if (!call.args.has('id')) return setMap(call);
    const osd = existingOsd(call);
    const weight = call.args.float('weight');
    const loc = call.args.location('args');
    const verb = call.prefix.endsWith('add') ? 'add' : 'set';
    change(map => updateItem(map, osd, weight, `osd.${osd}`, loc));
    return done(
      `${verb} item id ${osd} name 'osd.${osd}' weight ${formatGeneral(weight, 6)} at location ${locText(loc)} to crush map`,
    );
  };
  const setMap = (call: CommandCall): CommandReply => {
    const prior = call.args.optInt('prior_version');
    if (prior !== undefined && prior !== osds.map.crushVersion)
      return failed('EPERM', `prior_version ${prior} != crush version ${osds.map.crushVersion}`);
    let map: CrushMap;
    try {
      map = decodeCrushMap(new Decoder(call.input, 'CrushMap'));
    } catch (error) {
      return failed('EINVAL', `Failed to parse crushmap: ${(error as Error).message}`);
    }
    for (const pool of osds.map.pools.values())
      if (map.rules[pool.crushRule] === undefined)
        return failed('EINVAL', `the crush rule no ${pool.crushRule} is in use but not in the map`);
    const wrong = checkNames(map, osds.map.maxOsd);
    if (wrong !== undefined) return failed('EINVAL', `Failed crushmap check: ${wrong}`);
    osds.pending.inc.crush = Buffer.from(call.input);
    return done(String(osds.map.crushVersion + 1));
  };
  const addBucketCommand = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    const typeName = call.args.str('type');
    const map = crush();
    if (map.names.id(name) !== undefined) return done(`bucket '${name}' already exists`);
    const type = map.types.id(typeName);
    if (type === undefined) return failed('EINVAL', `type '${typeName}' does not exist`);
    if (type === 0) return failed('EINVAL', "type cannot be 'osd'");
    const loc = call.args.location('args');
    change(m => {
      const id = addBucket(m, { type });
      setItemName(m, id, name);
      if (loc.size > 0) moveBucket(m, id, loc);
    });
    const where = loc.size === 0 ? '' : ` at location ${locText(loc)}`;
    return done(
      `added bucket ${name} type ${typeName} to ${loc.size === 0 ? 'crush map' : `location ${where.slice(13)}`}`,
    );
  };
  const move = (call: CommandCall): CommandReply => {
    const id = item(call);
    const loc = call.args.location('args');
    const name = call.args.str('name');
    change(map => {
      if (id < 0) moveBucket(map, id, loc);
      else createOrMoveItem(map, id, 0, name, loc);
    });
    return done(`moved item id ${id} name '${name}' to location ${locText(loc)} in crush map`);
  };
  const link = (call: CommandCall): CommandReply => {
    const id = item(call);
    const loc = call.args.location('args');
    change(map => linkBucket(map, id, loc));
    return done(
      `linked item id ${id} name '${call.args.str('name')}' to location ${locText(loc)} in crush map`,
    );
  };
  const remove =
    (unlinkOnly: boolean) =>
    (call: CommandCall): CommandReply => {
      const name = call.args.str('name');
      const id = crush().names.id(name);
      if (id === undefined) return { status: `device '${name}' does not appear in the crush map` };
      change(map => removeItem(map, id, unlinkOnly));
      return done(`${unlinkOnly ? 'unlinked' : 'removed'} item id ${id} name '${name}' from crush map`);
    };
  const rename = (call: CommandCall): CommandReply => {
    const id = item(call, 'srcname');
    const to = call.args.str('dstname');
    if (crush().names.id(to) !== undefined) return failed('EEXIST', `bucket '${to}' already exists`);
    change(map => setItemName(map, id, to));
    return done(`renamed bucket ${call.args.str('srcname')} into ${to}`);
  };
  const swap = (call: CommandCall): CommandReply => {
    const a = item(call, 'source');
    const b = item(call, 'dest');
    change(map => swapBucket(map, a, b));
    return done(`swapped bucket of ${call.args.str('source')} to ${call.args.str('dest')}`);
  };
  const setWeight = (call: CommandCall): CommandReply => {
    const id = item(call);
    const weight = call.args.float('weight');
    if (id < 0) return failed('EINVAL', `device '${call.args.str('name')}' is not a leaf in the crush map`);
    change(map => {
      adjustItemWeight(map, id, weightFromFloat(weight));
      rebuildRootsWithClasses(map);
    });
    return done(
      `reweighted item id ${id} name '${call.args.str('name')}' to ${formatGeneral(weight, 6)} in crush map`,
    );
  };
  const setSubtree = (call: CommandCall): CommandReply => {
    const id = item(call);
    const weight = call.args.float('weight');
    if (id >= 0)
      return failed('EINVAL', `device '${call.args.str('name')}' is not a subtree in the crush map`);
    change(map => {
      adjustSubtreeWeight(map, id, weightFromFloat(weight));
      rebuildRootsWithClasses(map);
    });
    return done(
      `reweighted subtree id ${id} name '${call.args.str('name')}' to ${formatGeneral(weight, 6)} in crush map`,
    );
  };

  // Device classes.
  const osdsOf = (call: CommandCall): number[] => {
    const ids: number[] = [];
    for (const word of call.args.list('ids')) {
      if (word === 'all' || word === 'any' || word === '*')
        for (let osd = 0; osd < osds.map.maxOsd; osd++) {
          if (osds.map.exists(osd)) ids.push(osd);
        }
      else {
        const m = /^(?:osd\.)?(\d{1,9})$/.exec(word);
        if (m === null) throw new NacreError('EINVAL', call.prefix, `unable to parse osd id:"${word}"`);
        ids.push(Number(m[1]));
      }
    }
    return ids;
  };
  const setClass = (call: CommandCall): CommandReply => {
    const name = call.args.str('class');
    const changed: number[] = [];
    for (const osd of osdsOf(call)) {
      const map = crush();
      if (!map.names.has(osd)) continue;
      const has = map.itemClass(osd);
      if (has === name) continue;
      if (has !== undefined)
        return failed(
          'EBUSY',
          `osd.${osd} has already bound to class '${has}', can not reset class to '${name}'; use 'ceph osd crush rm-device-class <id>' to remove old class first`,
        );
      change(m => {
        setItemClass(m, osd, name);
        rebuildRootsWithClasses(m);
      });
      changed.push(osd);
    }
    return done(`set osd(s) ${changed.join(',')} to class '${name}'`);
  };
  const rmClass = (call: CommandCall): CommandReply => {
    const changed: number[] = [];
    for (const osd of osdsOf(call)) {
      if (crush().itemClass(osd) === undefined) continue;
      change(map => {
        map.classOf.delete(osd);
        rebuildRootsWithClasses(map);
      });
      changed.push(osd);
    }
    return done(`done removing class of osd(s): ${changed.join(',')}`);
  };
  const classesOf = (map: CrushMap): Map<string, number[]> => {
    const found = new Map<string, number[]>();
    for (let osd = 0; osd < map.maxDevices; osd++) {
      const name = map.itemClass(osd);
      if (name !== undefined) found.set(name, [...(found.get(name) ?? []), osd]);
    }
    return found;
  };

  // Rules.
  const createRule = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    if (crush().ruleNames.id(name) !== undefined) return { status: `rule ${name} already exists` };
    change(map =>
      addSimpleRule(map, {
        name,
        root: call.args.str('root'),
        failureDomain: call.args.str('type'),
        deviceClass: call.args.opt('class'),
        mode: call.args.str('mode', 'firstn') === 'indep' ? 'indep' : 'firstn',
        type: POOL_REPLICATED,
      }),
    );
    return done();
  };
  const rmRule = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    const id = crush().ruleNames.id(name);
    if (id === undefined) return { status: `rule ${name} does not exist` };
    for (const pool of osds.map.pools.values())
      if (pool.crushRule === id) return failed('EBUSY', `crush rule ${name} (${id}) is in use`);
    change(map => removeRule(map, id));
    return done();
  };
  const renameRule = (call: CommandCall): CommandReply => {
    const from = call.args.str('srcname');
    const to = call.args.str('dstname');
    const id = crush().ruleNames.id(from);
    if (id === undefined) return failed('ENOENT', `rule '${from}' does not exist`);
    if (crush().ruleNames.id(to) !== undefined) return failed('EEXIST', `rule '${to}' already exists`);
    change(map => map.ruleNames.set(id, to));
    return done();
  };
  const ruleIds = (map: CrushMap): number[] =>
    map.rules.flatMap((rule, id) => (rule === undefined ? [] : [id]));
  const lsRules = (call: CommandCall): CommandReply => {
    const { crush: map } = osds.map;
    const names = ruleIds(map).map(id => map.ruleNames.name(id) ?? '');
    return { output: emit(call, names, () => names.map(name => `${name}\n`).join('')) };
  };
  const dumpRules = (call: CommandCall): CommandReply => {
    const { crush: map } = osds.map;
    const name = call.args.str('name', '');
    if (name === '')
      return {
        output: emit(
          call,
          ruleIds(map).map(id => dumpRule(map, id)),
        ),
      };
    const id = map.ruleNames.id(name);
    if (id === undefined) return failed('ENOENT', `unknown crush rule '${name}'`);
    return { output: emit(call, dumpRule(map, id)) };
  };
  const tunables = (call: CommandCall): CommandReply => {
    const profile = call.args.str('profile');
    const known = profile as TunablesProfile;
    if (!TUNABLES_PROFILES.includes(known)) return failed('EINVAL', `unrecognized profile '${profile}'`);
    change(map => setTunables(map.tunables, known));
    return done(`adjusted tunables profile to ${profile}`);
  };
  const tree = (call: CommandCall): CommandReply => {
    const { map } = osds;
    if (!isPlain(call)) {
      const json = osdTreeJson(map) as { nodes: Record<string, unknown>[]; stray: unknown[] };
      for (const node of json.nodes)
        for (const key of ['exists', 'status', 'reweight', 'primary_affinity']) delete node[key];
      return { output: emit(call, json) };
    }
    return { output: crushTreeText(osdTreeText(map)) };
  };
  const getMap = (call: CommandCall): CommandReply => {
    const map = osds.mapOf(call.args.optInt('epoch'));
    return { status: String(map.crushVersion), output: encodeToBuffer(e => encodeCrushMap(e, map.crush)) };
  };

  const spec =
    (perm: string) =>
    (sig: string, help: string, run: CommandSpec['run'], flags?: number): CommandSpec => ({
      sig,
      help,
      run,
      flags,
      perm,
      module: 'osd',
    });
  const r = spec('r');
  const rw = spec('rw');
  const ID = 'name=id,type=CephOsdName';
  const CLASS = 'name=class,type=CephString,goodchars=[A-Za-z0-9-_]';
  return [
    r('osd getcrushmap name=epoch,type=CephInt,range=0,req=false', 'the CRUSH map as bytes', getMap),
    rw(
      'osd setcrushmap name=prior_version,type=CephInt,req=false',
      'replace the CRUSH map by that of -i',
      setMap,
    ),
    rw('osd crush set name=prior_version,type=CephInt,req=false', 'replace the CRUSH map by that of -i', set),
    rw(`osd crush set ${ID} ${WEIGHT} ${ARGS}`, 'put an OSD at a place with a weight', set),
    rw(`osd crush add ${ID} ${WEIGHT} ${ARGS}`, 'add an OSD at a place with a weight', set),
    rw(
      `osd crush create-or-move ${ID} ${WEIGHT} ${ARGS}`,
      'make sure that an OSD is at a place',
      createOrMove,
    ),
    rw(
      `osd crush add-bucket ${NAME} name=type,type=CephString ${ARGS},req=false`,
      'add a bucket',
      addBucketCommand,
    ),
    rw(`osd crush move ${NAME} ${ARGS}`, 'move a bucket with all below it', move),
    rw(`osd crush link name=name,type=CephString ${ARGS}`, 'put a bucket at a second place', link),
    rw(
      `osd crush rm ${NAME} name=ancestor,type=CephString,req=false,goodchars=[A-Za-z0-9-_.]`,
      'remove an item',
      remove(false),
    ),
    rw(
      `osd crush remove ${NAME} name=ancestor,type=CephString,req=false,goodchars=[A-Za-z0-9-_.]`,
      'remove an item',
      remove(false),
      COMMAND_DEPRECATED,
    ),
    rw(
      `osd crush unlink ${NAME} name=ancestor,type=CephString,req=false,goodchars=[A-Za-z0-9-_.]`,
      'take an item out of its bucket',
      remove(true),
    ),
    rw(
      'osd crush rename-bucket name=srcname,type=CephString,goodchars=[A-Za-z0-9-_.] name=dstname,type=CephString,goodchars=[A-Za-z0-9-_.]',
      'rename a bucket',
      rename,
    ),
    rw(
      'osd crush swap-bucket name=source,type=CephString,goodchars=[A-Za-z0-9-_.] name=dest,type=CephString,goodchars=[A-Za-z0-9-_.] name=yes_i_really_mean_it,type=CephBool,req=false',
      'exchange what two buckets hold',
      swap,
    ),
    rw('osd crush reweight-all', 'recompute the weights of all buckets', () => {
      change(map => reweight(map));
      return done('reweighted crush hierarchy');
    }),
    rw(`osd crush reweight ${NAME} ${WEIGHT}`, 'weight of an item', setWeight),
    rw(`osd crush reweight-subtree ${NAME} ${WEIGHT}`, 'weight of every OSD below a bucket', setSubtree),
    rw(
      'osd crush tunables name=profile,type=CephChoices,strings=legacy|argonaut|bobtail|firefly|hammer|jewel|optimal|default',
      'set all tunables to a profile',
      tunables,
    ),
    r('osd crush show-tunables', 'the tunables', call => ({
      output: emit(call, dumpTunables(osds.map.crush)),
    })),
    r('osd crush dump', 'the CRUSH map', call => ({ output: emit(call, dumpCrush(osds.map.crush)) })),
    r('osd crush tree name=shadow,type=CephChoices,strings=--show-shadow,req=false', 'the hierarchy', tree),
    r('osd crush ls name=node,type=CephString', 'what is in a bucket', call => {
      const id = item(call, 'node');
      const { crush: map } = osds.map;
      const names = (map.bucket(id)?.items ?? []).map(child => map.names.name(child) ?? `osd.${child}`);
      return { output: emit(call, names, () => names.map(name => `${name}\n`).join('')) };
    }),
    r('osd crush class ls', 'device classes', call => ({
      output: emit(call, [...classesOf(osds.map.crush).keys()].sort()),
    })),
    r(`osd crush class ls-osd ${CLASS}`, 'OSDs of a device class', call => {
      const ids = classesOf(osds.map.crush).get(call.args.str('class')) ?? [];
      return { output: emit(call, ids, () => ids.map(id => `${id}\n`).join('')) };
    }),
    rw(`osd crush class create ${CLASS}`, 'make a device class', call => {
      change(map => getOrCreateClass(map, call.args.str('class')));
      return done(
        `created class ${call.args.str('class')} with id ${crush().classes.id(call.args.str('class'))} to crush map`,
      );
    }),
    rw(
      'osd crush set-device-class name=class,type=CephString name=ids,type=CephString,n=N',
      'set the device class of OSDs',
      setClass,
    ),
    rw('osd crush rm-device-class name=ids,type=CephString,n=N', 'take the device class off OSDs', rmClass),
    r('osd crush get-device-class name=ids,type=CephString,n=N', 'device classes of OSDs', call => {
      const json = osdsOf(call).map(osd => ({ osd, device_class: osds.map.crush.itemClass(osd) ?? '' }));
      return { output: emit(call, json, () => json.map(o => `${o.device_class}\n`).join('')) };
    }),
    r('osd crush rule list', 'names of all rules', lsRules, COMMAND_DEPRECATED),
    r('osd crush rule ls', 'names of all rules', lsRules),
    r(
      'osd crush rule dump name=name,type=CephString,goodchars=[A-Za-z0-9-_.],req=false',
      'what rules do',
      dumpRules,
    ),
    rw(
      `osd crush rule create-simple ${NAME} name=root,type=CephString,goodchars=[A-Za-z0-9-_.] name=type,type=CephString,goodchars=[A-Za-z0-9-_.] name=mode,type=CephChoices,strings=firstn|indep,req=false`,
      'make a rule that spreads over a type of bucket',
      createRule,
    ),
    rw(
      `osd crush rule create-replicated ${NAME} name=root,type=CephString,goodchars=[A-Za-z0-9-_.] name=type,type=CephString,goodchars=[A-Za-z0-9-_.] ${CLASS},req=false`,
      'make a rule that spreads over a type of bucket',
      createRule,
    ),
    rw(`osd crush rule rm ${NAME}`, 'remove a rule', rmRule),
    rw(
      'osd crush rule rename name=srcname,type=CephString,goodchars=[A-Za-z0-9-_.] name=dstname,type=CephString,goodchars=[A-Za-z0-9-_.]',
      'rename a rule',
      renameRule,
    ),
    r('osd crush weight-set ls', 'pools that have weights of their own', call => {
      const names = [...osds.map.crush.chooseArgs.keys()].map(id =>
        id === -1 ? '(compat)' : (osds.map.poolNames.get(id) ?? String(id)),
      );
      return { output: emit(call, names, () => names.map(name => `${name}\n`).join('')) };
    }),
  ];
}

/** The columns ID to TYPE NAME of `osd tree`. */
function crushTreeText(full: string): string {
  const lines = full.trimEnd().split('\n');
  const head = lines[0];
  const table = new TextTable()
    .column('ID', 'left', 'right')
    .column('CLASS', 'left', 'right')
    .column('WEIGHT', 'left', 'right')
    .column('TYPE NAME', 'left', 'left');
  const from = {
    cls: head.indexOf('CLASS'),
    weight: head.indexOf('WEIGHT'),
    name: head.indexOf('TYPE NAME'),
    end: head.indexOf('STATUS'),
  };
  for (const line of lines.slice(1))
    table.row(
      line.slice(0, from.cls).trim(),
      line.slice(from.cls, from.weight).trim(),
      line.slice(from.weight, from.name).trim(),
      line.slice(from.name, from.end).trimEnd(),
    );
  return table.toString();
}
