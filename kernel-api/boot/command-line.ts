/**
 * The kernel's command line: words separated by spaces, `name` or `name=value`; double quotes keep spaces together. As in
 * Linux a later word beats an earlier one, `-` and `_` in names are the same, and words behind `--` are for init.
 */
export class CommandLine {
  readonly text: string;
  private readonly values = new Map<string, string>();

  constructor(text: string) {
    this.text = text;
    for (const word of wordsOf(text)) {
      if (word === '--') break;
      const at = word.indexOf('=');
      const name = canonical(at < 0 ? word : word.slice(0, at));
      this.values.set(name, at < 0 ? '' : word.slice(at + 1));
    }
  }

  /** The value of a parameter, empty if it stands alone; undefined if it is not there. */
  get(name: string): string | undefined {
    return this.values.get(canonical(name));
  }

  /** A yes-or-no parameter (`kstrtobool`): undefined if it is not there or says neither. */
  getBoolean(name: string): boolean | undefined {
    const value = this.get(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (/^([yt1]|on)/.test(value)) return true;
    return /^([nf0]|of)/.test(value) ? false : undefined;
  }
}

const canonical = (name: string): string => name.replaceAll('-', '_');

const wordsOf = (text: string): string[] =>
  (text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []).map((word) => word.replaceAll('"', ''));
