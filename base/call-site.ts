/** Folders of the project whose frames are never the caller that is looked for; drivers are callers. */
const OURS = /^(?:base|emulator|lab|kernel-api(?!\/drivers))\//;
/** How deep a driver may stand below what calls for its line. */
const DEPTH = 60;

const FRAME = /(?:\(|at (?:async )?)(?:file:\/\/)?([^()]+):(\d+):\d+\)?$/;

interface Frame {
  readonly file: string;
  readonly line: number;
}

const framesOf = (stack: string): Frame[] =>
  stack.split('\n').flatMap((text) => {
    const match = FRAME.exec(text);
    return match === null ? [] : [{ file: match[1]!.replaceAll('\\', '/'), line: Number(match[2]) }];
  });

const captureStack = (): string => {
  const host = Error as { stackTraceLimit?: number };
  const before = host.stackTraceLimit;
  host.stackTraceLimit = DEPTH;
  const { stack = '' } = new Error();
  if (before !== undefined) host.stackTraceLimit = before;
  return stack;
};

/** Frames of the stack outside of the project's own code, the innermost first. */
const callers = (): Frame[] => {
  const frames = framesOf(captureStack());
  const own = frames[0]?.file ?? '';
  const root = own.slice(0, own.lastIndexOf('/base/') + 1);
  return frames.filter(({ file }) => {
    if (!file.startsWith(root)) return !file.startsWith('node:');
    return !OURS.test(file.slice(root.length));
  });
};

const textOf = ({ file, line }: Frame): string => `${file}:${line}`;

/**
 * The source line of the driver or scenario that is at work, as `file:line`: the first frame of the stack outside of the
 * project's own code. Null where the host tells nothing. It takes microseconds, so it is for what is rare; and what it says
 * belongs in no hash.
 */
export const callSite = (): string | null => {
  const [caller] = callers();
  return caller === undefined ? null : textOf(caller);
};

/** The same with the lines that led there, the innermost first; none where the host tells nothing. */
export const callSites = (): readonly string[] => callers().map(textOf);
