import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** Colours for a stream: plain text when it is no terminal, NO_COLOR is set or TERM is dumb; FORCE_COLOR overrides. */
export function colorsFor(stream: { isTTY?: boolean }): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0';
  const wanted = forced || (stream.isTTY === true && TERM !== 'dumb');
  return pc.createColors(wanted && (NO_COLOR === undefined || NO_COLOR === ''));
}

/** Of standard output and standard error. */
export const out: Colors = colorsFor(process.stdout);
export const err: Colors = colorsFor(process.stderr);

/** Columns of a terminal; `otherwise` when the stream is none. */
export function columnsOf(stream: { columns?: number }, otherwise = 80): number {
  return stream.columns === undefined || stream.columns <= 0 ? otherwise : stream.columns;
}
