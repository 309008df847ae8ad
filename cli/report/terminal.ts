import pc from 'picocolors';

/** Where text goes, and how wide and colourful it may be. */
export interface Terminal {
  readonly width: number;
  readonly colors: ReturnType<typeof pc.createColors>;
  readonly write: (text: string) => void;
}

const WIDTH_WITHOUT_TERMINAL = 100;
/** Numbers far away from the name they belong to are hard to read. */
const MAX_WIDTH = 110;
const MIN_WIDTH = 72;

/** The terminal behind a stream. Colours follow NO_COLOR, FORCE_COLOR and whether it is a terminal at all. */
export const terminalOf = (stream: NodeJS.WriteStream): Terminal => {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const colorful = NO_COLOR ? false : FORCE_COLOR ? FORCE_COLOR !== '0' : stream.isTTY && TERM !== 'dumb';
  const width = stream.isTTY ? stream.columns : WIDTH_WITHOUT_TERMINAL;
  return {
    width: Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, width)),
    colors: pc.createColors(colorful),
    write: (text) => void stream.write(text),
  };
};
