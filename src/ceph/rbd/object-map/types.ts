/** The map of which objects of the image (or of the snapshot that the handle is at) exist. */
export interface ObjectMapApi {
  /** False: certainly not there. True when the map is invalid. */
  objectMayExist(objectNo: number): boolean;
  /** False: certainly there. True when the map is invalid. */
  objectMayNotExist(objectNo: number): boolean;
  /** OBJECT_*. */
  get(objectNo: number): number;
  /** Objects that the map has. */
  readonly length: number;
  /**
   * Sets objects [start, end) to `state`, on the OSD and then here: where they are `current`, or whatever they are when
   * that is undefined. Returns false when they all are so already, and `done` is not called; otherwise `done` gets 0
   * or a negative errno. A map that cannot be updated is flagged invalid and I/O goes on (result 0).
   * Needs the exclusive lock.
   */
  update(
    start: number,
    end: number,
    state: number,
    current: number | undefined,
    done: (result: number) => void,
  ): boolean;
  /** Reads the map of the head anew from the OSDs, where an operation changed it. Writes are blocked meanwhile. */
  reload(): Promise<void>;
  /** Lets go of the map's lock. */
  close(): Promise<void>;
}
