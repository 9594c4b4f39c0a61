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
  /** For the watcher: whether an operation may be run for a peer now. A number is the refusal to answer, 0 none. */
  readonly acceptance: true | number;
  /** For the watcher: a peer wants the lock. 0: it is let go soon; otherwise a negative errno. */
  lockRequested(): number;
  /** For the watcher: somebody took the lock or let it go. */
  peerChanged(): void;
  /** For the watcher: the header is watched anew, with another cookie. */
  rewatched(): Promise<void>;
  shutDown(): Promise<void>;
}
