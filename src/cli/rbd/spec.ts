import type { ParsedArgs } from './args.ts';
import { usageError } from './errors.ts';

/** What '[pool/[namespace/]]image[@snap]' and the options beside it come to; '' for what was not said. */
export interface ImageSpec {
  pool: string;
  namespace: string;
  image: string;
  snap: string;
}

/** Whether a snapshot may be named. */
export type SnapRule = 'none' | 'permitted' | 'required';

/**
 * How names are looked at: 'full' refuses '/' and '@' in all of them (for what is made), 'snap' in that of a snapshot,
 * 'loose' takes the first '/' and '@' for what parts the names.
 */
export type Validation = 'full' | 'snap' | 'loose';

export interface SpecRules {
  /** Which of the two images of a command line. */
  readonly dest?: boolean;
  readonly snap: SnapRule;
  readonly validation?: Validation;
  /** Whether an image must be named; it must. */
  readonly optional?: boolean;
  /** What holds when nothing is said. */
  readonly defaults?: Partial<ImageSpec>;
}

const PATTERNS: Record<Validation, RegExp> = {
  full: /^(?:([^/@]+)\/(?:([^/@]+)\/)?)?([^/@]+)(?:@([^/@]+))?$/,
  snap: /^(?:([^/]+)\/(?:([^/@]+)\/)?)?([^@]+)(?:@([^/@]+))?$/,
  loose: /^(?:([^/]+)\/(?:([^/@]+)\/)?)?([^@]+)(?:@(.+))?$/,
};

/** Takes the words behind a verb one after the other. */
export class SpecReader {
  private readonly args: ParsedArgs;
  private readonly validate: boolean;
  private next = 0;

  /** `validate`: rbd_validate_names. */
  constructor(args: ParsedArgs, validate = true) {
    this.args = args;
    this.validate = validate;
  }

  /** The next word; '' when there is none, which then stays so. */
  word(): string {
    const word = this.args.word(this.next);
    if (word !== '') this.next++;
    return word;
  }

  /** All words that are left. */
  rest(): readonly string[] {
    return this.args.words.slice(this.next);
  }

  /** The image that options, or else the next word, name. Throws with EINVAL for what makes no sense. */
  image(rules: SpecRules): ImageSpec {
    const { args } = this;
    const { dest = false, snap } = rules;
    const prefix = dest ? 'dest-' : '';
    const validation = this.validate ? (rules.validation ?? 'loose') : 'loose';
    const spec: ImageSpec = { pool: '', namespace: '', image: '', snap: '', ...rules.defaults };
    spec.pool = args.text(`${prefix}pool`) ?? spec.pool;
    spec.namespace = args.text(`${prefix}namespace`) ?? spec.namespace;
    spec.image = args.text(dest ? 'dest' : 'image') ?? spec.image;
    spec.snap = args.text(`${prefix}snap`) ?? spec.snap;
    if (spec.image !== '') this.extract(spec.image, spec, validation);
    else {
      const word = this.word();
      if (word !== '') this.extract(word, spec, validation);
    }
    const which = dest ? 'destination ' : '';
    if (spec.image === '' && rules.optional !== true)
      throw usageError(`${which}image name was not specified`);
    if (validation === 'full' && /[/@]/.test(spec.pool)) throw usageError(`invalid pool name '${spec.pool}'`);
    if (/[/@]/.test(spec.namespace)) throw usageError(`invalid namespace name '${spec.namespace}'`);
    if (snap === 'none' && spec.snap !== '')
      throw usageError(`${which}snapshot name specified for a command that doesn't use it`);
    if (snap === 'required' && spec.snap === '') throw usageError(`${which}snapshot name was not specified`);
    if (validation === 'snap' && /[/@]/.test(spec.snap)) throw usageError(`invalid snap name '${spec.snap}'`);
    return spec;
  }

  private extract(text: string, into: ImageSpec, validation: Validation): void {
    const match = PATTERNS[validation].exec(text);
    if (match === null) throw usageError(`invalid spec '${text}'`);
    const [, pool, namespace, image, snap] = match;
    if (pool !== undefined) into.pool = pool;
    if (namespace !== undefined) into.namespace = namespace;
    into.image = image;
    if (snap !== undefined) into.snap = snap;
  }

  /** 'pool[/namespace]', from options or the next word. `namespaced`: whether a namespace may be named. */
  pool(namespaced = true): { pool: string; namespace: string } {
    const { args } = this;
    let namespace = namespaced ? (args.text('namespace') ?? '') : '';
    let pool = args.text('pool');
    if (pool === undefined) {
      pool = this.word();
      const slash = namespaced ? pool.lastIndexOf('/') : -1;
      if (slash >= 0) {
        namespace = pool.slice(slash + 1);
        pool = pool.slice(0, slash);
      }
    }
    if (/[/@]/.test(namespace)) throw usageError(`invalid namespace '${namespace}'`);
    return { pool, namespace };
  }

  /** '[pool/[namespace/]]id', from options or the next word. */
  imageId(): { pool: string; namespace: string; id: string } {
    const { args } = this;
    const spec: ImageSpec = {
      pool: args.text('pool') ?? '',
      namespace: args.text('namespace') ?? '',
      image: args.text('image-id') ?? '',
      snap: '',
    };
    if (spec.image === '') {
      const word = this.word();
      if (word !== '') this.extract(word, spec, this.validate ? 'full' : 'loose');
    }
    if (spec.image === '') throw usageError('image id was not specified');
    if (spec.snap !== '') throw usageError("snapshot name specified for a command that doesn't use it");
    return { pool: spec.pool, namespace: spec.namespace, id: spec.image };
  }

  /** A file, from --path or the next word. */
  path(): string {
    const path = this.args.text('path') ?? this.word();
    if (path === '') throw usageError('path was not specified');
    return path;
  }
}
