import {
  BUS_OK,
  RegisterBlock,
  dmaAddr,
  dmaRead,
  dmaWrite,
  type BusOutcome,
  type Device,
  type DeviceHost,
  type DmaAddr,
  type Timer,
} from 'dmalab';
import { DESCRIPTOR, ENGINE_REGISTERS, OPERATION } from './engine-registers';
import { Transfer, type Route } from './transfer';

/** Time between two steps; each moves a little, fetches a descriptor or writes one back. */
const STEP_NS = 1000;
/** Time from the doorbell of a ring until its first descriptor is fetched: hardware is quick about that. */
const FETCH_NS = 200;
/** The longest buffer. */
const LONGEST = 0x10_0000;

/** A descriptor that was fetched. */
interface Fetched {
  readonly at: DmaAddr;
  readonly flags: number;
}

/** The sum that the engine puts at the end of what it sends. */
export const packetSum = (packet: Uint8Array): number =>
  packet.subarray(0, -4).reduce((sum, byte) => (sum + byte) >>> 0, 0);

/**
 * A small network card without a network: it receives packets that it makes up, sends packets that it keeps for whoever looks,
 * and copies memory. It works on one buffer that its registers name, or on a ring of descriptors in memory.
 */
export class PacketEngine implements Device {
  readonly name = 'packet-engine';
  readonly interruptCount = 1;
  readonly busMaster = true;
  readonly registers = new RegisterBlock(ENGINE_REGISTERS);
  readonly mmio = [this.registers];
  /** The packets that it sent, in order. */
  readonly sent: Uint8Array[] = [];
  /** What came of its last access to memory. */
  outcome: BusOutcome = BUS_OK;
  /** How many of its accesses were refused. */
  refused = 0;
  private host: DeviceHost | undefined;
  private timer: Timer | undefined;
  private transfer: Transfer | null = null;
  private fetched: Fetched | null = null;

  connect(host: DeviceHost): void {
    this.host = host;
    this.timer = host.clock.timer('packet-engine', () => this.step());
    this.registers.hook('COMMAND', {
      acceptWrite: (_register, lo) => !this.timer!.armed || (lo & 7) === OPERATION.STOP,
      afterWrite: () => this.command(),
    });
    this.registers.hook('STATUS', { afterWrite: () => this.driveInterrupt() });
  }

  reset(): void {
    this.registers.reset();
    this.sent.length = 0;
    this.halt();
    this.driveInterrupt();
  }

  private get operation(): number {
    return this.registers.register('COMMAND').field('OPERATION');
  }

  private address(name: 'ADDRESS' | 'TARGET' | 'RING'): DmaAddr {
    const { lo, hi } = this.registers.register(name);
    return dmaAddr((BigInt(hi) << 32n) | BigInt(lo));
  }

  private driveInterrupt(): void {
    this.host?.interrupts[0]!.set(this.registers.register('STATUS').field('DONE') !== 0);
  }

  private command(): void {
    this.halt();
    const { operation } = this;
    if (operation === OPERATION.STOP || operation > OPERATION.RING) return;
    this.registers.register('COUNT').set(0);
    if (operation !== OPERATION.RING && !this.begin(this.routeOfRegisters(operation))) return;
    this.registers.register('STATUS').setField('BUSY', 1);
    this.timer!.armAfter(operation === OPERATION.RING ? FETCH_NS : STEP_NS);
  }

  private routeOfRegisters(operation: number): Route {
    const { registers } = this;
    const address = this.address('ADDRESS');
    const length = registers.register('LENGTH').lo;
    if (operation === OPERATION.COPY) return { kind: 'copy', address, target: this.address('TARGET'), length };
    return this.packet(operation === OPERATION.SEND, address, length);
  }

  /** A packet into or out of a buffer. The packets of a ring all look different. */
  private packet(send: boolean, address: DmaAddr, length: number, number = 0): Route {
    if (send) return { kind: 'send', address, length };
    const onTheWire = this.registers.register('PACKET').lo;
    const fitting = onTheWire === 0 ? length : Math.min(onTheWire, length);
    return { kind: 'receive', address, length: fitting, seed: this.registers.register('SEED').lo + number };
  }

  private begin(route: Route): boolean {
    if (route.length > LONGEST) {
      this.end('ERROR');
      return false;
    }
    this.transfer = new Transfer(route);
    return true;
  }

  private halt(): void {
    this.timer?.cancel();
    this.transfer = null;
    this.fetched = null;
    this.registers.register('STATUS').setField('BUSY', 0);
  }

  private end(flag?: 'ERROR' | 'CHAIN'): void {
    this.halt();
    const status = this.registers.register('STATUS');
    if (flag !== undefined) status.setField(flag, 1);
    status.setField('DONE', 1);
    this.driveInterrupt();
  }

  /** One access, or the two of a copy. */
  private step(): void {
    this.timer!.armAfter(STEP_NS);
    const { transfer } = this;
    if (transfer === null) {
      this.fetch();
      return;
    }
    if (transfer.over) {
      this.complete(transfer);
      return;
    }
    if (!this.arrived(transfer.step(this.host!.dma))) return;
    this.registers.register('COUNT').set(transfer.moved);
  }

  /** Whether an access went through; if not, the command is over. */
  private arrived(outcome: BusOutcome): boolean {
    this.outcome = outcome;
    if (outcome === BUS_OK) return true;
    this.refused++;
    this.end('ERROR');
    return false;
  }

  private fetch(): void {
    const { registers } = this;
    const number = registers.register('RING_HEAD').lo;
    const at = dmaAddr(this.address('RING') + BigInt(number * DESCRIPTOR.SIZE));
    const { outcome, bytes } = dmaRead(this.host!.dma, at, DESCRIPTOR.SIZE);
    if (!this.arrived(outcome)) return;
    const view = new DataView(bytes.buffer);
    const flags = view.getUint32(12, true);
    if ((flags & DESCRIPTOR.OWN) === 0) {
      this.refuse(at);
      return;
    }
    const address = dmaAddr(view.getBigUint64(0, true));
    this.fetched = { at, flags };
    this.begin(this.packet((flags & DESCRIPTOR.SEND) !== 0, address, view.getUint32(8, true), number));
  }

  /** A descriptor that the driver has not given to the engine ends the command. */
  private refuse(address: DmaAddr): void {
    const { trace, dma } = this.host!;
    const requester = dma.requesterId;
    if (trace.active)
      trace.emit({ type: 'descriptor-error', requester, address, what: "is not the engine's: OWN is clear" });
    this.end('CHAIN');
  }

  private complete(transfer: Transfer): void {
    const { route, bytes } = transfer;
    const command = this.registers.register('COMMAND');
    if (route.kind === 'send') {
      this.sent.push(bytes);
      if (command.field('CHECKSUM') !== 0 && !this.writeSum(route, bytes)) return;
    }
    if (this.fetched !== null) {
      this.writeBack(this.fetched, route.length);
      return;
    }
    if (route.kind === 'receive' && command.field('REPEAT') !== 0) transfer.moved = 0;
    else this.end();
  }

  private writeSum({ address, length }: Route, packet: Uint8Array): boolean {
    const sum = new Uint8Array(4);
    new DataView(sum.buffer).setUint32(0, packetSum(packet), true);
    return this.arrived(dmaWrite(this.host!.dma, dmaAddr(address + BigInt(length - 4)), sum));
  }

  /** Gives a descriptor back to the driver: its length is that of the packet. */
  private writeBack({ at, flags }: Fetched, length: number): void {
    const words = new Uint8Array(8);
    const view = new DataView(words.buffer);
    view.setUint32(0, length, true);
    view.setUint32(4, (flags & ~DESCRIPTOR.OWN) >>> 0, true);
    if (!this.arrived(dmaWrite(this.host!.dma, dmaAddr(at + 8n), words))) return;
    const head = this.registers.register('RING_HEAD');
    head.set((head.lo + 1) % Math.max(1, this.registers.register('RING_ENTRIES').lo));
    this.transfer = null;
    this.fetched = null;
    if ((flags & DESCRIPTOR.LAST) !== 0) this.end();
  }
}
