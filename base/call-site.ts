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

/** Hosts put the stack into words only when somebody asks for it: to capture it is the cheaper half. */
const captureStack = (): Error => {
  const host = Error as { stackTraceLimit?: number };
  const before = host.stackTraceLimit;
  host.stackTraceLimit = DEPTH;
  const here = new Error();
  if (before !== undefined) host.stackTraceLimit = before;
  return here;
};

/** Frames of a stack outside of the project's own code, the innermost first. */
const callersIn = ({ stack = '' }: Error): Frame[] => {
  const frames = framesOf(stack);
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
  const [caller] = callersIn(captureStack());
  return caller === undefined ? null : textOf(caller);
};

/**
 * Remembers what is at work, to be asked later for its line and those that led there, the innermost first; none where the host
 * tells nothing. Most of the microseconds are spent by who asks.
 */
export const rememberCallSites = (): (() => readonly string[]) => {
  const here = captureStack();
  return () => callersIn(here).map(textOf);
};
