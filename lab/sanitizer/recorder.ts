import { REPORT_KINDS, type ReportId } from './catalogue';
import type { Harm, SanitizerReport } from './report';

/** A point of a run: the same in every run of the same case. */
export interface Moment {
  /** How many things the sanitizer had seen by then. */
  readonly tick: number;
  /** Simulated nanoseconds. */
  readonly time: number;
  /** It is a device that acts: there is no line of a driver's. */
  readonly byDevice?: true;
}

/** Names lines of a driver, as `file:line`, the innermost first; none where no driver was at work. */
export type SiteReader = () => readonly string[];

/** Remembers where the driver is that is at work. It is asked often, the reader that it returns seldom. */
export type SiteProbe = () => SiteReader;

/** Whose lines are wanted. */
export interface WantedLines {
  /** The lines of so many moments are remembered as they come; they cost microseconds each, and room. Default 256. */
  readonly remember?: number;
  /** Ticks of an earlier run of the same case at which lines are remembered instead, ascending. Default: there was none. */
  readonly wanted?: readonly number[];
}

/** A mistake as it was just found. */
export interface Finding {
  readonly id: ReportId;
  readonly device: string;
  readonly harm: Harm;
  /** Default: `warning` if nothing can go wrong with it on this machine. */
  readonly severity?: SanitizerReport['severity'];
  readonly message: string;
  /** The story; null where a part of it is not known. */
  readonly places: readonly (readonly [what: string, when: Moment | null])[];
  /** What happened at the driver's line at fault: one of the places. Default: the last of them. */
  readonly fault?: string;
  readonly picture?: readonly string[];
  /** What tells this one from others with the same id and device, as far as that can be told without lines. */
  readonly shape?: string;
}

/** A finding that was taken. Who learns later that it has done harm says so. */
export interface Kept {
  readonly finding: Finding;
  harm: Harm;
  count: number;
}

/** How many findings of one id, device and shape are looked into; the rest is counted. */
const KEPT_EACH = 8;
/** How many reports there are at most. */
const KEPT_ALL = 256;
const REMEMBERED = 256;
const HARMS: readonly Harm[] = ['none', 'possible', 'happened'];

const worse = (a: Harm, b: Harm): Harm => (HARMS.indexOf(a) > HARMS.indexOf(b) ? a : b);

/**
 * Keeps what the sanitizer finds, and makes reports of it.
 *
 * Asking the host for the driver's line takes microseconds, so only the first moments that somebody keeps have theirs. For those
 * that come later lines are found by running the case again: the second run sees the same things in the same order, and asks
 * at those moments that the first one's findings are about.
 */
export class Recorder {
  /** Is told of each finding. */
  listen: ((id: ReportId) => void) | undefined;
  private readonly clock: { readonly now: number };
  private readonly site: SiteProbe;
  private readonly wanted: readonly number[];
  private readonly sites = new Map<number, SiteReader>();
  /** How many more moments get their lines at once. */
  private ahead: number;
  private readonly groups = new Map<string, Kept[]>();
  private kept = 0;
  private ticks = 0;
  private nextWanted: number;
  private wantedIndex = 0;

  constructor(clock: { readonly now: number }, site: SiteProbe, { wanted, remember = REMEMBERED }: WantedLines = {}) {
    this.clock = clock;
    this.site = site;
    this.wanted = wanted ?? [];
    this.ahead = wanted === undefined ? remember : 0;
    this.nextWanted = this.wanted[0] ?? -1;
  }

  /** Something happens that a report may want to tell of. */
  step(): void {
    if (++this.ticks !== this.nextWanted) return;
    this.sites.set(this.ticks, this.site());
    this.nextWanted = this.wanted[++this.wantedIndex] ?? -1;
  }

  /** The moment of the last step. */
  get now(): Moment {
    const { ticks, sites } = this;
    if (this.ahead > 0 && !sites.has(ticks)) {
      this.ahead--;
      sites.set(ticks, this.site());
    }
    return { tick: ticks, time: this.clock.now };
  }

  /** The moment of the last step, if it is a device's. */
  get nowByDevice(): Moment {
    return { tick: this.ticks, time: this.clock.now, byDevice: true };
  }

  /** The tick of the last step. */
  get tick(): number {
    return this.ticks;
  }

  /** The same mistake again is counted, and makes the harm as bad as the worst of them. */
  report(finding: Finding): Kept | null {
    this.listen?.(finding.id);
    const key = [finding.id, finding.device, finding.shape ?? ''].join('|');
    const group = this.groups.get(key) ?? [];
    if (group.length === 0) this.groups.set(key, group);
    if (group.length < KEPT_EACH && this.kept < KEPT_ALL) {
      this.kept++;
      const kept = { finding, harm: finding.harm, count: 1 };
      group.push(kept);
      return kept;
    }
    const last = group.at(-1);
    if (last === undefined) return null;
    last.count++;
    last.harm = worse(last.harm, finding.harm);
    return last;
  }

  /** The ticks of all moments that findings are about, ascending; none if their lines are known. */
  ticksOfInterest(): number[] {
    const all = [...this.groups.values()].flat().flatMap(({ finding }) => finding.places);
    const ticks = all.flatMap(([, when]) => (when === null || when.byDevice ? [] : [when.tick]));
    if (ticks.every((tick) => this.sites.has(tick))) return [];
    return [...new Set(ticks)].sort((a, b) => a - b);
  }

  /**
   * All reports, in the order in which their first finding came. Findings of the same lines, called from the same lines, are
   * one report; who called those may differ, as hosts forget callers behind an `await`.
   */
  reports(): SanitizerReport[] {
    const merged = new Map<string, SanitizerReport>();
    for (const kept of [...this.groups.values()].flat().sort((a, b) => lastTick(a) - lastTick(b))) {
      const report = this.reportOf(kept);
      const lines = report.places
        .map(({ what, site, callers: [caller = ''] }) => `${what}@${site ?? ''}<${caller}`)
        .join('|');
      const key = `${report.id}|${report.device}|${lines}`;
      const known = merged.get(key);
      merged.set(key, known === undefined ? report : merge(known, report));
    }
    return [...merged.values()];
  }

  private reportOf({ finding, harm, count }: Kept): SanitizerReport {
    const { id, device, message, picture = [], severity } = finding;
    const known = finding.places.filter((place): place is readonly [string, Moment] => place[1] !== null);
    const places = known.map(([what, { tick, time, byDevice }]) => {
      const lines = byDevice ? [] : (this.sites.get(tick)?.() ?? []);
      return { what, time, lines, tick };
    });
    places.sort((a, b) => a.tick - b.tick);
    const fault = finding.fault ?? finding.places.at(-1)?.[0];
    return {
      id,
      severity: severity ?? (harm === 'none' ? 'warning' : 'error'),
      harm,
      device,
      message,
      places: places.map(({ what, time, lines: [site = null, ...callers] }) => ({ what, time, site, callers })),
      at: Math.max(
        places.findIndex(({ what }) => what === fault),
        0,
      ),
      picture,
      fix: REPORT_KINDS[id].fix,
      count,
    };
  }
}

const lastTick = ({ finding }: Kept): number =>
  Math.max(...finding.places.map(([, when]) => (when === null ? 0 : when.tick)), 0);

const merge = (first: SanitizerReport, other: SanitizerReport): SanitizerReport => {
  const harm = worse(first.harm, other.harm);
  const severity = first.severity === 'error' || other.severity === 'error' ? 'error' : 'warning';
  return { ...first, harm, severity, count: first.count + other.count };
};
