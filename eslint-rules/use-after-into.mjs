/**
 * `box.intoCoherent()` takes from `box` what it owned: using the variable after that is a mistake which Rust's compiler would
 * find and TypeScript's cannot. So it is for the arguments that a function takes over: `SGTable.new(dev, pages, …)`, and for
 * what was split at an offset: `const [low, high] = stream.split(PAGE_SIZE)`. Strings, which can be split as well, are told
 * by the separator, and by their type where types are known.
 *
 * What is looked at is one function at a time, along its statements: a use counts if it can follow the conversion, and so does one
 * in a function that is made after it. Branches that
 * exclude each other, and ones that end in `return` or `throw`, do not; a conversion in a loop follows itself. Dropping is no use:
 * it is harmless afterwards, and how a scope ends.
 */
const INTO = /^into[A-Z]/;
const HARMLESS = new Set(['drop', 'dispose']);
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const LOOPS = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement']);
const LEAVES_FUNCTION = new Set(['ReturnStatement', 'ThrowStatement']);
const LEAVES_LOOP = new Set(['BreakStatement', 'ContinueStatement']);

/** `SGTable.new` as text; undefined for callees that are no plain path. */
function pathOf(node) {
  if (node.type === 'Identifier') return node.name;
  if (node.type !== 'MemberExpression' || node.computed || node.property.type !== 'Identifier') return undefined;
  const object = pathOf(node.object);
  return object === undefined ? undefined : `${object}.${node.property.name}`;
}

/** Whether a call splits something that owns memory: at an offset. A string is split at a string or a pattern. */
function splits({ callee, arguments: offsets }, typeOf) {
  if (callee.property.name !== 'split' || offsets.length !== 1) return false;
  const [offset] = offsets;
  if (offset.type === 'TemplateLiteral' || (offset.type === 'Literal' && typeof offset.value !== 'number'))
    return false;
  return !/^(any|string|".*")$/.test(typeOf(callee.object) ?? '');
}

/** The identifiers that a call takes what they own from. */
function movedBy(call, consumers, typeOf) {
  const { callee } = call;
  if (callee.type !== 'MemberExpression' || callee.computed) return [];
  if (INTO.test(callee.property.name) || splits(call, typeOf))
    return callee.object.type === 'Identifier' ? [callee.object] : [];
  const path = pathOf(callee);
  const consumer = consumers.find(({ name }) => path === name || path?.endsWith(`.${name}`));
  const argument = consumer === undefined ? undefined : call.arguments[consumer.argument];
  return argument?.type === 'Identifier' ? [argument] : [];
}

const parentsOf = (node) => {
  const parents = [];
  for (let at = node; at !== null; at = at.parent) parents.push(at);
  return parents;
};

const functionOf = (node) => parentsOf(node).find(({ type }) => FUNCTIONS.has(type) || type === 'Program');

/** Where in a function something happens: the node itself, or the function in it that the node is part of. */
function placeIn(outer, node) {
  let place = node;
  for (let inner = functionOf(node); inner !== outer; inner = functionOf(inner.parent)) {
    if (inner.type === 'Program') return undefined;
    place = inner;
  }
  return place;
}

/** Whether a `break` or `continue` leads past everything in `ancestor`, not just out of a loop within it. */
function leavesTo(statement, ancestor) {
  if (!LEAVES_LOOP.has(statement.type)) return false;
  const target = parentsOf(statement).find(({ type }) => LOOPS.has(type) || type === 'SwitchStatement');
  return target === undefined || parentsOf(ancestor).includes(target);
}

/** The statement that control does not get past, in what follows `node` up to `ancestor` or in `node` itself. */
function leavesBefore(node, ancestor) {
  for (let at = node; at !== ancestor; at = at.parent) {
    if (LEAVES_FUNCTION.has(at.type)) return at;
    const { parent } = at;
    const list =
      parent.type === 'BlockStatement' || parent.type === 'SwitchCase' ? (parent.body ?? parent.consequent) : [];
    const rest = parent === ancestor || !Array.isArray(list) ? [] : list.slice(list.indexOf(at));
    const leaving = rest.find((next) => LEAVES_FUNCTION.has(next.type) || leavesTo(next, ancestor));
    if (leaving !== undefined) return leaving;
  }
  return undefined;
}

/** Whether two children of a node exclude each other. */
function exclude(ancestor, first, second) {
  if (ancestor.type === 'IfStatement' || ancestor.type === 'ConditionalExpression') {
    return first !== ancestor.test && second !== ancestor.test;
  }
  if (ancestor.type === 'TryStatement') return first === ancestor.block && second === ancestor.handler;
  return false;
}

/** Whether `use` can run after `call`, both in the same function. */
function canFollow(call, use, variable) {
  const above = new Map();
  for (let at = call; at.parent !== null; at = at.parent) above.set(at.parent, at);
  let second = use;
  while (!above.has(second.parent)) second = second.parent;
  const ancestor = second.parent;
  const first = above.get(ancestor);
  const inLoop = parentsOf(ancestor).find(
    (node) =>
      LOOPS.has(node.type) && variable.defs.every(({ node: definition }) => !parentsOf(definition).includes(node)),
  );
  const leaving = leavesBefore(call, ancestor);
  if (use.range[0] >= call.range[1]) return leaving === undefined && !exclude(ancestor, first, second);
  if (inLoop === undefined) return false;
  const stays = leavesBefore(call, inLoop.body.type === 'BlockStatement' ? inLoop : inLoop.body);
  return stays === undefined || stays.type === 'ContinueStatement';
}

/** Whether a reference does nothing but drop what it refers to, or give it a new value. */
function isHarmless({ identifier, resolved }, call) {
  const { parent } = identifier;
  if (parent.type === 'AssignmentExpression' && parent.left === identifier) return true;
  if (resolved.defs.some(({ name }) => name === identifier)) return true;
  if (parent.type !== 'MemberExpression' || parent.object !== identifier || call.callee === parent) return false;
  if (!parent.computed) return HARMLESS.has(parent.property.name);
  return pathOf(parent.property) === 'Symbol.dispose';
}

/** Whether the variable gets a new value between the call and the use. */
const isRenewed = (variable, call, use) =>
  variable.references.some(
    (reference) =>
      reference.isWrite() &&
      reference.identifier.range[0] > call.range[0] &&
      reference.identifier.range[0] < use.range[0] &&
      functionOf(reference.identifier) === functionOf(call),
  );

export default {
  meta: {
    type: 'problem',
    schema: [
      {
        type: 'object',
        properties: {
          consumers: {
            type: 'array',
            items: {
              type: 'object',
              properties: { name: { type: 'string' }, argument: { type: 'integer', minimum: 0 } },
              required: ['name', 'argument'],
              additionalProperties: false,
            },
          },
        },
        additionalProperties: false,
      },
    ],
    defaultOptions: [
      {
        consumers: [
          { name: 'SGTable.new', argument: 1 },
          { name: 'DmaStream.map', argument: 2 },
        ],
      },
    ],
    messages: { moved: "'{{name}}' owns nothing any more: {{how}} took it over on line {{line}}." },
  },
  create(context) {
    const { consumers } = context.options[0];
    const { sourceCode } = context;

    /** The name of an expression's type; undefined where types are not known. */
    const typeOf = (node) => {
      const { program, getTypeAtLocation } = sourceCode.parserServices ?? {};
      return program ? program.getTypeChecker().typeToString(getTypeAtLocation(node)) : undefined;
    };

    const variableOf = (identifier) => {
      for (let scope = sourceCode.getScope(identifier); scope !== null; scope = scope.upper) {
        const reference = scope.references.find((candidate) => candidate.identifier === identifier);
        if (reference !== undefined) return reference.resolved;
      }
      return null;
    };

    const check = (call, identifier) => {
      const variable = variableOf(identifier);
      if (variable === null) return;
      for (const reference of variable.references) {
        const use = reference.identifier;
        const place = placeIn(functionOf(call), use);
        if (place === undefined || isHarmless(reference, call)) continue;
        // A function that was made before the conversion may have been called before it.
        if (place !== use && place.range[0] < call.range[1]) continue;
        const isItself = use === identifier;
        if (isItself ? !repeats(call, variable) : !canFollow(call, place, variable)) continue;
        if (!isItself && isRenewed(variable, call, use)) continue;
        const how = sourceCode.getText(call.callee);
        context.report({ node: use, messageId: 'moved', data: { name: use.name, how, line: call.loc.start.line } });
      }
    };

    /** Whether a call is in a loop that comes round to it with the same variable. */
    const repeats = (call, variable) => {
      const above = parentsOf(call);
      const loop = above.find(
        (node) =>
          LOOPS.has(node.type) &&
          !above.includes(node.type === 'ForStatement' ? node.init : node.right) &&
          variable.defs.every(({ node: definition }) => !parentsOf(definition).includes(node)),
      );
      if (loop === undefined || functionOf(loop) !== functionOf(call)) return false;
      const leaving = leavesBefore(call, loop);
      if (leaving !== undefined && leaving.type !== 'ContinueStatement') return false;
      return !variable.references.some(
        (reference) => reference.isWrite() && parentsOf(reference.identifier).includes(loop),
      );
    };

    return {
      CallExpression(call) {
        for (const identifier of movedBy(call, consumers, typeOf)) check(call, identifier);
      },
    };
  },
};
