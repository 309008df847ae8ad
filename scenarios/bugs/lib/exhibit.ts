import {
  REPORT_IDS,
  scenario,
  type AxisValue,
  type MachineOptions,
  type Matrix,
  type MatrixCase,
  type ReportExpectation,
  type ReportId,
  type Scenario,
  type ScenarioContext,
} from 'dmalab';
import { ENGINE_MACHINE } from './engine';

/** Machines: all that have one of the values on each axis that is named. */
export type Place = {
  readonly [A in 'translation' | 'coherency' | 'mask' | 'cache']?: readonly AxisValue<A>[];
};

/** Bus masters do not snoop. */
export const NON_COHERENT: readonly Place[] = [{ coherency: ['off'] }];

/** A buffer that lies above 4 GiB and does not fill its pages is bounced. */
export const BOUNCING: readonly Place[] = [
  { translation: ['untrusted', 'swiotlb', 'restricted', 'confidential'] },
  { translation: ['direct', 'passthrough'], mask: ['32'] },
];

/** An IOMMU says what the device can reach. */
export const TRANSLATED: readonly Place[] = [{ translation: ['strict', 'lazy', 'untrusted'] }];

/** Entries of a list become one segment. Those of a device that is not trusted are mapped one by one. */
export const MERGING: readonly Place[] = [{ translation: ['strict', 'lazy'] }];

/** Which of the two drivers runs. */
export type DriverChoice = AxisValue<'driver'>;

/** A bug, as the museum shows it. */
export interface ExhibitSpec {
  readonly number: number;
  /** Lower-case words joined by hyphens. */
  readonly name: string;
  /** What is wrong, in one line. */
  readonly title: string;
  /** A driver that had this bug, and the public thread about it: `L:` stands for a Message-ID of the kernel's lists. */
  readonly example: string;
  /** Whether Linux's CONFIG_DMA_API_DEBUG reports it: yes, partly, no. */
  readonly dmaDebug: 'Y' | 'P' | 'N';
  /** What the sanitizer says about the buggy driver: the first where the bug shows, any of them elsewhere. */
  readonly reports: readonly ReportId[];
  /**
   * On which machines bytes go wrong, or can, or something else that must never happen does. Any of the places counts.
   * Elsewhere the bug is one against the rules at most.
   */
  readonly shows: 'everywhere' | readonly Place[];
  /** Default: a board with one packet engine. */
  readonly machine?: MachineOptions;
  /** Where both drivers run. Default: everywhere. */
  readonly matrix?: Matrix;
  /** Runs the driver with the bug: notes what comes of it, and does not fail. */
  readonly buggy: (lab: ScenarioContext) => void | Promise<void>;
  /** Runs the driver without it: fails unless all is as it should be. */
  readonly fixed: (lab: ScenarioContext) => void | Promise<void>;
}

/** What is known about an exhibit besides how to run it. */
export type ExhibitCard = Omit<ExhibitSpec, 'buggy' | 'fixed' | 'machine' | 'matrix'>;

/** A scenario that is an exhibit. */
export interface Exhibit extends Scenario {
  readonly exhibit: ExhibitCard;
}

const EVERYWHERE: Matrix = { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' };

/** The driver that a run is about; without a choice it is the one with the bug. */
export const driverOf = (lab: ScenarioContext): DriverChoice => lab.case.driver ?? 'buggy';

const isIn = (place: Place, where: MatrixCase): boolean =>
  Object.entries(place).every(([axis, values]) => values.some((value) => value === where[axis as keyof MatrixCase]));

/** Whether an exhibit says that its bug shows on a machine. On the exhibit's own it does. */
export const showsAt = ({ shows }: ExhibitCard, where: MatrixCase): boolean =>
  shows === 'everywhere' || where.translation === undefined || shows.some((place) => isIn(place, where));

/** What must be reported, and what may come with it. About the fixed driver nothing may. */
const expectation = (card: ExhibitCard): ReportExpectation => ({
  expect: (at) => (at.driver !== 'fixed' && showsAt(card, at) ? card.reports.slice(0, 1) : []),
  allow: (at) => (at.driver === 'fixed' ? [] : REPORT_IDS),
});

/** Makes a scenario of a bug: the buggy driver and its fixed twin, of which a run has one. */
export const exhibit = (spec: ExhibitSpec): Exhibit => {
  const { buggy, fixed, machine = ENGINE_MACHINE, matrix = EVERYWHERE, ...card } = spec;
  return {
    ...scenario({
      name: `bug-${String(spec.number).padStart(2, '0')}-${spec.name}`,
      description: spec.title,
      machine,
      matrix: { ...matrix, driver: 'all' },
      reports: expectation(card),
      run: (lab) => (driverOf(lab) === 'fixed' ? fixed(lab) : buggy(lab)),
    }),
    exhibit: card,
  };
};
