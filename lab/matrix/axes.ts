/** One value of an axis. */
export interface AxisValueDescription {
  readonly value: string;
  /** One line for help and documentation. */
  readonly doc: string;
}

/** One thing in which machines differ. */
export interface AxisDescription {
  readonly doc: string;
  readonly values: readonly AxisValueDescription[];
}

/**
 * The axes along which a scenario can be run on other machines than its own. Cases are named, and their values listed, in
 * this order.
 */
export const AXES = {
  translation: {
    doc: 'how the kernel gives devices their addresses',
    values: [
      { value: 'direct', doc: 'no IOMMU: physical addresses' },
      { value: 'strict', doc: 'an IOMMU, whose caches are invalidated with every unmapping' },
      { value: 'lazy', doc: 'an IOMMU, whose caches are invalidated in batches (iommu.strict=0)' },
      {
        value: 'untrusted',
        doc: 'an IOMMU, and devices that the kernel takes for attackers: partial pages are bounced',
      },
      { value: 'passthrough', doc: 'an IOMMU that lets physical addresses pass (iommu.passthrough=1)' },
      { value: 'swiotlb', doc: 'no IOMMU, and every mapping is bounced (swiotlb=force)' },
      { value: 'restricted', doc: 'no IOMMU, and devices work in a restricted-dma-pool only' },
      { value: 'confidential', doc: 'a confidential guest, whose private memory devices cannot reach' },
    ],
  },
  coherency: {
    doc: "whether bus masters snoop the CPU's cache",
    values: [
      { value: 'on', doc: 'they do' },
      { value: 'off', doc: 'they do not: what is not cleaned or invalidated is stale' },
    ],
  },
  mask: {
    doc: 'address bits of the bus that bus masters sit on',
    values: [
      { value: '64', doc: 'all of memory' },
      { value: '32', doc: 'the lowest 4 GiB only: what lies above is bounced, or mapped below by an IOMMU' },
    ],
  },
  cache: {
    doc: "how the CPU's cache behaves, where there is one",
    values: [
      { value: 'plain', doc: 'lines are replaced by age' },
      { value: 'adversarial', doc: 'lines come and go, and stores are delayed, whenever the seed says so' },
    ],
  },
  revocation: {
    doc: 'what unbinding a driver revokes',
    values: [
      { value: 'linux', doc: 'what Linux revokes' },
      { value: 'strict', doc: 'also all that the driver forgot' },
    ],
  },
  driver: {
    doc: 'which of the two drivers of an exhibit of the bug museum',
    values: [
      { value: 'buggy', doc: 'the one with the bug' },
      { value: 'fixed', doc: 'the same without it' },
    ],
  },
} as const satisfies Readonly<Record<string, AxisDescription>>;

export type Axis = keyof typeof AXES;

/** The values of an axis. */
export type AxisValue<A extends Axis> = (typeof AXES)[A]['values'][number]['value'];

/** One combination: a value for some of the axes. On the others a scenario's own machine decides. */
export type MatrixCase = { readonly [A in Axis]?: AxisValue<A> };

/** On which axes, and which of their values, a scenario holds. */
export type Matrix = { readonly [A in Axis]?: 'all' | readonly AxisValue<A>[] };

/** The same with nothing left to look up: the values of each axis, in the order of `AXES`. */
export type MatrixValues = { readonly [A in Axis]?: readonly AxisValue<A>[] };

/** The names of all axes, in order. */
export const AXIS_NAMES = Object.keys(AXES) as readonly Axis[];

/** Axes that are no property of the machine: a scenario has them only if it declares them. */
export const DECLARED_AXES: ReadonlySet<Axis> = new Set(['driver']);

/** The values of an axis, in order. */
export const valuesOf = (axis: Axis): readonly string[] => AXES[axis].values.map(({ value }) => value);

export const isAxis = (name: string): name is Axis => Object.hasOwn(AXES, name);
