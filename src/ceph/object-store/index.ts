export * from './collection.ts';
export { MemStore } from './mem-store.ts';
export { Transaction, type TxOp } from './transaction.ts';
export { decodeTransaction, encodeTransaction } from './transaction-codec.ts';
export type * from './types.ts';
