import { NacreError } from '../../base/errors.ts';

/*
 * The text language of maps (crush/grammar.h). White space and newlines separate nothing but are skipped before
 * every token; '#' starts a comment. Keywords are matched as they stand, without a look at what follows.
 *
 *   map      = (tunable | device | type)* (bucket | rule)* choose_args*
 *   tunable  = 'tunable' name posint
 *   device   = 'device' posint name ('class' name)?
 *   type     = 'type' posint name
 *   bucket   = name name '{' ('id' negint ('class' name)?)* 'alg' name ('hash' (integer | 'rjenkins1'))* item* '}'
 *   item     = 'item' name ('weight' real)? ('pos' posint)?
 *   rule     = 'rule' name? '{' ('id' | 'ruleset') posint 'type' ('replicated' | 'erasure')
 *              'min_size' posint 'max_size' posint step+ '}'
 *   step     = 'step' ('take' name ('class' name)? | 'set_...' posint | ('choose' | 'chooseleaf')
 *              ('indep' | 'firstn') integer 'type' name | 'emit')
 *   choose_args = 'choose_args' posint '{' ('{' 'bucket_id' negint weight_set? ids? '}')* '}'
 *   weight_set  = 'weight_set' '[' ('[' real* ']')* ']'
 *   ids         = 'ids' '[' integer* ']'
 */

/** What is wrong with a text, and in which line. */
export class CrushCompileError extends NacreError {
  /** From 1. */
  readonly line: number;
  /** What crushtool says of it. */
  readonly text: string;

  constructor(line: number, text: string, code = 'EINVAL') {
    super(code, 'crush.compile', `line ${line}: ${text}`);
    this.name = 'CrushCompileError';
    this.line = line;
    this.text = text;
  }
}

interface At {
  /** Line of the first token. */
  readonly line: number;
}

export interface TunableNode extends At {
  readonly kind: 'tunable';
  readonly name: string;
  readonly value: number;
}

export interface DeviceNode extends At {
  readonly kind: 'device';
  readonly id: number;
  readonly name: string;
  readonly deviceClass: string | undefined;
}

export interface TypeNode extends At {
  readonly kind: 'type';
  readonly id: number;
  readonly name: string;
}

export interface ItemNode extends At {
  readonly name: string;
  /** As written. */
  readonly weight: string | undefined;
  readonly pos: number | undefined;
}

export interface BucketNode extends At {
  readonly kind: 'bucket';
  readonly type: string;
  readonly name: string;
  readonly ids: readonly { readonly id: number; readonly deviceClass: string | undefined }[];
  readonly alg: string;
  /** The last 'hash'. */
  readonly hash: number;
  readonly items: readonly ItemNode[];
}

export interface StepNode extends At {
  /** 'take', 'set_choose_tries' and its kin, 'choose firstn', 'chooseleaf indep' ..., 'emit'. */
  readonly op: string;
  readonly name: string;
  readonly deviceClass: string | undefined;
  readonly value: number;
}

export interface RuleNode extends At {
  readonly kind: 'rule';
  readonly name: string;
  readonly id: number;
  readonly type: 'replicated' | 'erasure';
  readonly minSize: number;
  readonly maxSize: number;
  readonly steps: readonly StepNode[];
}

export interface ChooseArgNode extends At {
  readonly bucketId: number;
  readonly weightSet: readonly (readonly string[])[];
  readonly ids: readonly number[] | undefined;
}

export interface ChooseArgsNode extends At {
  readonly kind: 'choose_args';
  readonly id: number;
  readonly args: readonly ChooseArgNode[];
}

export type CrushNode = TunableNode | DeviceNode | TypeNode | BucketNode | RuleNode | ChooseArgsNode;
