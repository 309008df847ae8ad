import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { dma_set_mask_and_coherent } from '../../../kernel-api/dma/mask';
import type { Machine } from '../../../lab/machine';
import type { MachineOptions } from '../../../lab/machine-options';
import type { AxisValue } from '../../../lab/matrix/axes';
import { overlayMachine } from '../../../lab/matrix/overlay';
import type { Sanitizer } from '../../../lab/sanitizer/sanitizer';
import { onMachine } from '../../support/on-machine';
import { bindMasters, masterNode, type Master } from './bus-master';

const MIB = 0x10_0000;
const MEMORY = [
  { base: 0x8000_0000, size: 16 * MIB },
  { base: 0x1_0000_0000, size: 8 * MIB },
];
const LABELS = ['first', 'second'] as const;

/** A back end of the DMA API, and what it works on. */
export interface BackEnd {
  readonly name: string;
  readonly translation: AxisValue<'translation'>;
  readonly coherent: boolean;
  readonly adversarial: boolean;
  /** Address bits of the bus. */
  readonly bits: 64 | 32;
  /** Every mapping is bounced. */
  readonly bounced: boolean;
  /** An IOMMU says what devices can reach. */
  readonly translated: boolean;
  /** What devices get of a confidential guest's private memory. */
  readonly privateMemory: 'fault' | 'garbage';
  /** Linux shares coherent memory of a confidential guest with devices that do not snoop only if it is of a pool. */
  readonly sharesPoolsOnly: boolean;
}

const TRANSLATIONS = [
  'direct',
  'strict',
  'lazy',
  'untrusted',
  'passthrough',
  'swiotlb',
  'restricted',
  'confidential',
] as const;

const backEndsOf = (translation: BackEnd['translation'], privateMemory: BackEnd['privateMemory']): BackEnd[] =>
  [true, false].flatMap((coherent) =>
    [false, true].flatMap((adversarial) =>
      ([64, 32] as const).map((bits) => {
        const kind = translation === 'confidential' ? `${translation} (${privateMemory})` : translation;
        const cache = adversarial ? 'adversarial cache' : 'plain cache';
        return {
          name: `${kind}, ${coherent ? 'snooping' : 'not snooping'}, ${cache}, ${bits} bits`,
          translation,
          coherent,
          adversarial,
          bits,
          bounced: ['swiotlb', 'restricted', 'confidential'].includes(translation),
          translated: ['strict', 'lazy', 'untrusted'].includes(translation),
          privateMemory,
          sharesPoolsOnly: translation === 'confidential' && !coherent,
        };
      }),
    ),
  );

/** Every back end there is, on every kind of bus and cache. Bouncing on demand is `direct` with 32 bits. */
export const BACK_ENDS: readonly BackEnd[] = [
  ...TRANSLATIONS.flatMap((translation) => backEndsOf(translation, 'fault')),
  ...backEndsOf('confidential', 'garbage'),
];

/** The machine of a back end: two bus masters and nothing else. */
export const machineOf = (backEnd: BackEnd): MachineOptions => {
  const { translation, coherent, adversarial, bits, privateMemory } = backEnd;
  const plain: MachineOptions = {
    memory: MEMORY,
    dmac: false,
    fifo: false,
    confidential: privateMemory,
    timeLimit: 1e6,
    nodes: LABELS.map(masterNode),
  };
  return overlayMachine(plain, {
    translation,
    coherency: coherent ? 'on' : 'off',
    mask: bits === 64 ? '64' : '32',
    cache: adversarial ? 'adversarial' : 'plain',
  });
};

/** What a test has of a back end. */
export interface Bench {
  readonly backEnd: BackEnd;
  readonly kernel: BootedKernel;
  readonly machine: Machine;
  readonly masters: readonly Master[];
}

/** Runs `body` as a kernel task, with drivers bound to the bus masters. */
export const onBackEnd = <T>(
  backEnd: BackEnd,
  body: (bench: Bench) => Promise<T> | T,
  seed = 1,
  change: (machine: MachineOptions) => MachineOptions = (machine) => machine,
  sanitizer?: Sanitizer,
): Promise<T> =>
  onMachine(
    change(machineOf(backEnd)),
    async (kernel, machine) => {
      const masters = await bindMasters(kernel, machine, LABELS);
      const mask = backEnd.bits === 64 ? 2n ** 64n - 1n : 2n ** 32n - 1n;
      for (const { dev } of masters) {
        if (dma_set_mask_and_coherent(dev, mask) !== 0) throw new Error('the mask is refused');
      }
      return body({ backEnd, kernel, machine, masters });
    },
    seed,
    sanitizer,
  );

/** Whether this is the thorough run, `npm run sweep`. */
export const THOROUGH = process.env['DMALAB_SWEEP'] !== undefined;
