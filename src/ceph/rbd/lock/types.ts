/** The exclusive lock of an image, as those see it who need it. */
export interface ExclusiveLockApi {
  readonly isOwner: boolean;
  /** Takes the lock for I/O that waits: asks the owner to let go, breaks a dead owner's. Errors fail the I/O. */
  wantLock(): void;
  /** Resolves when we have it. EROFS when another will not give it up, EBLOCKLISTED (ESHUTDOWN) when we were. */
  acquire(options?: { signal?: AbortSignal }): Promise<void>;
  /** The same for a user, who keeps it: peers that ask for it are refused (EROFS) until `release`. */
  acquireByHand(options?: { signal?: AbortSignal }): Promise<void>;
  /** False when somebody else has it. */
  tryAcquire(): Promise<boolean>;
  /** Blocks and flushes writes, closes the object map, lets go. */
  release(): Promise<void>;
  /** Between these the lock is kept, whoever asks for it. Calls nest. */
  blockRequests(result?: number): void;
  unblockRequests(): void;
  shutDown(): Promise<void>;
}
