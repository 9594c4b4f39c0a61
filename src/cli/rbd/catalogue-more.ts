import { DEST, FORMAT, IMAGE, opt, POOL, PROGRESS, SNAP, type VerbSpec, verb } from './catalogue-parts.ts';

const snaps = () => import('./snaps.ts');
const trash = () => import('./trash.ts');
const images = () => import('./images.ts');
const locks = () => import('./locks.ts');
const pools = () => import('./pools.ts');
const diffs = () => import('./diffs.ts');
const objectMaps = () => import('./object-maps.ts');

const imageId = opt('image-id', 'text', 'id of the image');
const sparseSize = opt('sparse-size', 'bytes', 'zeros of this length become holes (B/K/M); 4K');
const path = (what: string) => opt('path', 'text', what);

/** Verbs from 'lock add' to 'watch'. */
export const MORE_VERBS: readonly VerbSpec[] = [
  verb(
    'lock add',
    'Lock an image.',
    'image lock-id',
    [...IMAGE, opt('shared', 'text', 'tag of a shared lock')],
    async () => (await locks()).lockAdd,
  ),
  verb(
    'lock list|lock ls',
    'Show the locks of an image.',
    'image',
    [...IMAGE, ...FORMAT],
    async () => (await locks()).lockList,
  ),
  verb(
    'lock remove|lock rm',
    "Take somebody's lock away.",
    'image lock-id locker',
    [...IMAGE],
    async () => (await locks()).lockRemove,
  ),
  verb(
    'merge-diff',
    'Make one diff of two that follow each other.',
    'diff1-path diff2-path merged-path',
    [path("file to write; '-' is standard output"), PROGRESS],
    async () => (await diffs()).mergeDiff,
  ),
  verb(
    'namespace create',
    'Make a namespace.',
    'pool',
    [...POOL],
    async () => (await pools()).namespaceCreate,
  ),
  verb(
    'namespace list|namespace ls',
    "List a pool's namespaces.",
    'pool-name',
    [POOL[0], ...FORMAT],
    async () => (await pools()).namespaceList,
  ),
  verb(
    'namespace remove|namespace rm',
    'Remove a namespace.',
    'pool',
    [...POOL],
    async () => (await pools()).namespaceRemove,
  ),
  verb(
    'object-map check',
    'Compare the object map with the objects.',
    'image-or-snap',
    [...IMAGE, ...SNAP, PROGRESS],
    async () => (await objectMaps()).check,
  ),
  verb(
    'object-map rebuild',
    'Make the object map anew from the objects.',
    'image-or-snap',
    [...IMAGE, ...SNAP, PROGRESS],
    async () => (await objectMaps()).rebuild,
  ),
  verb(
    'pool init',
    'Make a pool one for images.',
    'pool-name',
    [POOL[0], opt('force', 'flag', 'even when it is registered for something else')],
    async () => (await pools()).poolInit,
  ),
  verb(
    'pool stats',
    "Show totals of a pool's images.",
    'pool',
    [...POOL, ...FORMAT],
    async () => (await pools()).poolStats,
  ),
  verb('remove|rm', 'Remove an image.', 'image', [...IMAGE, PROGRESS], async () => (await images()).remove),
  verb(
    'rename|mv',
    'Rename an image.',
    'source-image dest-image',
    [...IMAGE, ...DEST],
    async () => (await images()).rename,
  ),
  verb(
    'resize',
    'Make an image larger or smaller.',
    'image',
    [
      ...IMAGE,
      opt('size', 'size', 'size (M/G/T; M when no unit is given)', { short: 's', required: true }),
      opt('allow-shrink', 'flag', 'it may become smaller'),
      PROGRESS,
    ],
    async () => (await images()).resize,
  ),
  verb(
    'snap create|snap add',
    'Make a snapshot.',
    'snap',
    [
      ...IMAGE,
      ...SNAP,
      opt('skip-quiesce', 'flag', 'ask no client to pause'),
      opt('ignore-quiesce-error', 'flag', 'go on when a client does not pause'),
      PROGRESS,
    ],
    async () => (await snaps()).create,
  ),
  verb('snap limit clear', 'Allow any number of snapshots.', 'image', [...IMAGE], async () => {
    return (await snaps()).limitClear;
  }),
  verb(
    'snap limit set',
    'Limit how many snapshots there may be.',
    'image',
    [...IMAGE, opt('limit', 'count', 'most snapshots')],
    async () => (await snaps()).limitSet,
  ),
  verb(
    'snap list|snap ls',
    'List snapshots.',
    'image',
    [
      ...IMAGE,
      imageId,
      ...FORMAT,
      opt('all', 'flag', 'those of groups, mirrors and the trash too', { short: 'a' }),
    ],
    async () => (await import('./snap-list.ts')).snapList,
  ),
  verb(
    'snap protect',
    'Protect a snapshot from removal.',
    'snap',
    [...IMAGE, ...SNAP],
    async () => (await snaps()).protect,
  ),
  verb(
    'snap purge',
    'Remove all snapshots that are not protected.',
    'image',
    [...IMAGE, imageId, PROGRESS],
    async () => (await snaps()).purge,
  ),
  verb(
    'snap remove|snap rm',
    'Remove a snapshot.',
    'snap',
    [
      ...IMAGE,
      ...SNAP,
      imageId,
      opt('snap-id', 'count', 'id of the snapshot'),
      PROGRESS,
      opt('force', 'flag', 'flatten its clones and unprotect it first'),
    ],
    async () => (await snaps()).remove,
  ),
  verb(
    'snap rename',
    'Rename a snapshot.',
    'source-snap dest-snap',
    [...IMAGE, ...SNAP, ...DEST, opt('dest-snap', 'text', 'new name')],
    async () => (await snaps()).rename,
  ),
  verb(
    'snap rollback|snap revert',
    'Put an image back to a snapshot.',
    'snap',
    [...IMAGE, ...SNAP, PROGRESS],
    async () => (await snaps()).rollback,
  ),
  verb(
    'snap unprotect',
    'Let a snapshot be removed.',
    'snap',
    [...IMAGE, ...SNAP, imageId],
    async () => (await snaps()).unprotect,
  ),
  verb(
    'sparsify',
    'Give back the space of zeros.',
    'image',
    [...IMAGE, PROGRESS, sparseSize],
    async () => (await images()).sparsify,
  ),
  verb('status', 'Show who watches an image.', 'image', [...IMAGE, ...FORMAT], async () => {
    return (await import('./status.ts')).status;
  }),
  verb(
    'trash list|trash ls',
    'List the trash.',
    'pool',
    [
      ...POOL,
      opt('all', 'flag', 'whatever put them there', { short: 'a' }),
      opt('long', 'flag', 'with times and parents', { short: 'l' }),
      ...FORMAT,
    ],
    async () => (await trash()).list,
  ),
  verb(
    'trash move|trash mv',
    'Put an image into the trash.',
    'image',
    [...IMAGE, opt('expires-at', 'text', 'until when it is kept; now')],
    async () => (await trash()).move,
  ),
  verb(
    'trash purge',
    'Remove what has expired from the trash.',
    'pool',
    [
      ...POOL,
      PROGRESS,
      opt('expired-before', 'text', 'what expired before this time'),
      opt('threshold', 'fraction', 'until the pool is used by no more than this, 0.0 to 1.0'),
    ],
    async () => (await trash()).purge,
  ),
  verb(
    'trash remove|trash rm',
    'Remove an image that is in the trash.',
    'image-id',
    [...POOL, imageId, PROGRESS, opt('force', 'flag', 'even when it has not expired')],
    async () => (await trash()).remove,
  ),
  verb(
    'trash restore',
    'Take an image out of the trash.',
    'image-id',
    [...POOL, imageId, opt('image', 'text', 'name to give it')],
    async () => (await trash()).restore,
  ),
  verb('watch', 'Show what is announced about an image.', 'image', [...IMAGE], async () => {
    return (await import('./watch.ts')).watch;
  }),
];
