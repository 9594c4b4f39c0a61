import { VERSION } from '../../../base/version.ts';
import { GRAPH_LOG_LEVELS, LineLog } from '../../graph/log.ts';
import type { Xlator, XlatorHost } from '../../graph/xlator.ts';
import { parseGfid } from '../../types/gfid.ts';
import { framesText, givenOptions, MetaDump, privateText, profileText, volfileText } from './formats.ts';
import { type MetaNode, NodeMaker } from './nodes.ts';

/** Of the directory .meta itself, on every volume (META_ROOT_GFID). */
export const META_ROOT_GFID = parseGfid('ba926388-bb9c-4eec-ad60-79dba4cc083a')!;

/*
 * .meta/
 *   version cmdline process_uuid frames mallinfo measure_latency
 *   logging/loglevel
 *   graphs/active -> UUID
 *   graphs/UUID/volfile
 *   graphs/UUID/top -> NAME
 *   graphs/UUID/NAME/: type name options/* subvolumes/N -> ../../NAME private profile history meminfo view/
 */
export function makeTree(host: XlatorHost): MetaNode {
  const make = new NodeMaker(host.env.random);
  const { file, directory, link } = {
    file: make.file.bind(make),
    directory: make.directory.bind(make),
    link: make.link.bind(make),
  };
  const xlator = (layer: Xlator) =>
    directory(() => ({
      type: file(() => `${layer.type}\n`),
      name: file(() => `${layer.name}\n`),
      subvolumes: directory(() =>
        Object.fromEntries(layer.children.map(({ name }, i) => [`${i}`, link(`../../${name}`)])),
      ),
      options: directory(() =>
        Object.fromEntries(
          givenOptions(layer).map(([name]) => [name, file(() => `${layer.options.text(name) ?? ''}\n`)]),
        ),
      ),
      private: file(() => privateText(layer)),
      history: file(() => historyText(layer)),
      profile: file(() => profileText(host, layer)),
      meminfo: file(() => meminfoText(layer)),
      view: directory(() => ({})),
    }));
  const graph = directory(() => ({
    top: link(host.xlators[0].name),
    volfile: file(() => volfileText(host)),
    ...Object.fromEntries(host.xlators.map(layer => [layer.name, xlator(layer)])),
  }));
  return directory(
    () => ({
      graphs: directory(() => ({ active: link(host.graphUuid), [host.graphUuid]: graph })),
      frames: file(() => framesText(host.frames)),
      logging: directory(() => ({
        loglevel: file(
          () => `${numericLevel(host)}\n`,
          text => setLevel(host, text),
        ),
      })),
      process_uuid: file(() => `${host.processUuid}\n`),
      version: file(() => `{ \n  "Package Version": "nacre ${VERSION}"\n}`),
      cmdline: file(() => `{ \n  "Cmdlinestr": ${JSON.stringify(host.commandLine)}\n}`),
      mallinfo: file(() => mallinfoText(host)),
      measure_latency: file(
        () => `${Number(host.measureLatency)}\n`,
        text => {
          host.measureLatency = (Number.parseInt(text, 10) || 0) !== 0;
        },
      ),
    }),
    META_ROOT_GFID,
  )();
}

function historyText(layer: Xlator): string {
  const out = new MetaDump();
  layer.dumpHistory?.(out);
  return out.toString();
}

/** There is no accounting by allocation in a garbage-collected process. */
function meminfoText(layer: Xlator): string {
  return `[${layer.type}.${layer.name} - Memory usage]\nnum_types = 0\n`;
}

function mallinfoText({ env }: XlatorHost): string {
  return `[mallinfo]\nmallinfo_arena = ${env.host.rss()}\n`;
}

/** Gluster's numbers of levels (`gf_loglevel_t`): 3 CRITICAL ... 9 TRACE. */
function numericLevel({ log }: XlatorHost): number {
  const level = [...GRAPH_LOG_LEVELS].reverse().find(([, letter]) => log.gathers(letter));
  return level?.[0] ?? 0;
}

function setLevel({ log }: XlatorHost, text: string): void {
  const letter = GRAPH_LOG_LEVELS.find(([number]) => number === Number.parseInt(text, 10))?.[1];
  if (letter !== undefined && log instanceof LineLog) log.level = letter;
}
