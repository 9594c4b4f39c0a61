/** What Buffer's own `toString` and `write` end in for latin1; called directly, short strings cost half. */
interface Latin1 {
  latin1Slice(from: number, to: number): string;
  latin1Write(value: string, at: number, length: number): number;
}

export function latin1(buf: Buffer, from: number, to: number): string {
  return (buf as unknown as Latin1).latin1Slice(from, to);
}

export function putLatin1(buf: Buffer, value: string, at: number, length: number): void {
  (buf as unknown as Latin1).latin1Write(value, at, length);
}
