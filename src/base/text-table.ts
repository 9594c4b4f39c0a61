export type Align = 'left' | 'center' | 'right';

interface Column {
  readonly heading: string;
  readonly headingAlign: Align;
  readonly align: Align;
  width: number;
}

/** Width on the terminal: escape sequences take none. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
  return text.replace(/\u001b\[[0-9;]*m/g, '').length;
}

function pad(text: string, width: number, align: Align): string {
  const room = Math.max(0, width - widthOf(text));
  const left = align === 'left' ? 0 : align === 'right' ? room : Math.floor(room / 2);
  return ' '.repeat(left) + text + ' '.repeat(room - left);
}

/** A table drawn as Ceph draws them (common/TextTable.cc): two blanks between columns, no lines. */
export class TextTable {
  private readonly columns: Column[] = [];
  private readonly rows: string[][] = [];
  private readonly indent: string;
  private readonly separator: string;

  constructor(options: { indent?: number; separator?: string } = {}) {
    this.indent = ' '.repeat(options.indent ?? 0);
    this.separator = options.separator ?? '  ';
  }

  column(heading: string, headingAlign: Align = 'left', align: Align = headingAlign): this {
    this.columns.push({ heading, headingAlign, align, width: widthOf(heading) });
    return this;
  }

  /** A row; cells that are missing are empty. */
  row(...cells: readonly (string | number | bigint)[]): this {
    const row = this.columns.map((_, i) => String(cells[i] ?? ''));
    row.forEach((cell, i) => {
      this.columns[i].width = Math.max(this.columns[i].width, widthOf(cell));
    });
    this.rows.push(row);
    return this;
  }

  /** All lines, each with a line end; blanks at line ends stay, as in the original. */
  toString(): string {
    const line = (cells: readonly string[], align: (column: Column) => Align) =>
      `${this.columns
        .map((column, i) => this.indent + pad(cells[i], column.width, align(column)))
        .join(this.separator)}\n`;
    const head = line(
      this.columns.map(({ heading }) => heading),
      ({ headingAlign }) => headingAlign,
    );
    return head + this.rows.map(row => line(row, ({ align }) => align)).join('');
  }
}
