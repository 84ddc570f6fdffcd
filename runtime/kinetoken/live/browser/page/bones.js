// The bones of a humanoid that is no VRM, by their names and their places in the tree. No page in here.

// Words of nodes that are no joints of the body's chains.
const HELPERS = /twist|roll|helper|pole|target|(?<![a-z])(ik|fk|end|nub|leaf|mch|ctrl)(?![a-z])|thumb|index|middle|ring|pinky|little|finger|eye|jaw|hair|skirt|breast|metacarpal/;
const LEG = /hip|thigh|femur|shin|calf|knee|shank|tibia|leg|foot|ankle|toe|ball|足|ひざ|つま先/;
const ARM = /collar|clav|scapula|shoulder|shldr|humerus|arm|elbow|wrist|hand|肩|腕|ひじ|手/;
const NECK = /neck|首(?!.)/, SKULL = /head(?!.*(end|top|nub))|頭/;
// A side as a word of its own or spelled out; where there is none, as the letter that a name begins with: "lShldr".
const SIDES = [["left", /(?<![a-z])(left|l)(?![a-z])|left|左/], ["right", /(?<![a-z])(right|r)(?![a-z])|right|右/]];
const GLUED_SIDES = [["left", /^l(?=[a-z])/], ["right", /^r(?=[a-z])/]];
const ARM_JOINTS = ["collar", "shoulder", "elbow", "wrist"], LEG_JOINTS = ["hip", "knee", "ankle", "foot"];

// "mixamorig:LeftUpLeg" to "left up leg", "J_Bip_L_UpperArm" to "l upper arm", "upper_arm.L" to "upper arm l".
export function plainName(name) {
  return name.split(/[:|]/).at(-1).replace(/^mixamorig\d*_?/i, "").replace(/^(J_Bip_|Bip0*1[ _]|CC_Base_|DEF-|ORG-|m_avg_)/, "")
    .replace(/([a-z])([A-Z])|(?<![A-Za-z])([LR])(?=[A-Z])/g, "$1$3 $2").replace(/[^a-zA-Z\u0080-\uffff]+/g, " ").trim().toLowerCase();
}

function sideOf(name) {
  return [...SIDES, ...GLUED_SIDES].find(([, pattern]) => pattern.test(name))?.[0] ?? "";
}

// Joint of kinetoken to the index of a node; null where hips, legs or arms are not found. `nodes`: [{name, parent}],
// each after its parent, whose index is -1 for a root.
export function findBones(nodes) {
  const chains = new Map(), middle = { neck: -1, head: -1 };
  nodes.forEach(({ name }, index) => {
    const plain = plainName(name), side = sideOf(plain);
    if (HELPERS.test(plain)) return;
    if (side !== "" && (LEG.test(plain) || ARM.test(plain))) {
      const key = `${side}_${ARM.test(plain) && !/leg|thigh/.test(plain) ? "arm" : "leg"}`;
      chains.set(key, [...(chains.get(key) ?? []), index]);
    } else if (side === "" && NECK.test(plain)) middle.neck = middle.neck < 0 ? index : middle.neck;
    else if (side === "" && SKULL.test(plain)) middle.head = middle.head < 0 ? index : middle.head;
  });
  const found = {};
  for (const side of ["left", "right"]) {
    if (!putChain(found, side, chainOf(nodes, chains.get(`${side}_leg`) ?? []), LEG_JOINTS, 0)) return null;
    const arm = chainOf(nodes, chains.get(`${side}_arm`) ?? []);
    const collar = arm.length >= 4 || (arm.length === 3 && /collar|clav/.test(plainName(nodes[arm[0]].name))) ? 0 : 1;
    if (!putChain(found, side, arm, ARM_JOINTS, collar)) return null;
  }
  return putMiddle(found, nodes, middle) ? found : null;
}

// The longest line of these from a parent to its descendants, others between them left out.
function chainOf(nodes, indices) {
  const among = new Set(indices);
  const line = (index) => {
    const up = ancestors(nodes, index).filter((node) => among.has(node));
    return [...up.reverse(), index];
  };
  return indices.map(line).reduce((best, one) => (one.length > best.length ? one : best), []).slice(0, 4);
}

function putChain(found, side, chain, joints, from) {
  chain.forEach((node, i) => { if (from + i < joints.length) found[`${side}_${joints[from + i]}`] = node; });
  return chain.length >= (from === 0 && joints === ARM_JOINTS ? 3 : 2);
}

function ancestors(nodes, index) {
  const out = [];
  for (let at = nodes[index].parent; at >= 0; at = nodes[at].parent) out.push(at);
  return out;
}

// Hips: the nearest node above both legs. Spine: the nodes from there to the neck, or to where the arms begin.
function putMiddle(found, nodes, { neck, head }) {
  const above = ancestors(nodes, found.right_hip);
  const hips = ancestors(nodes, found.left_hip).find((node) => above.includes(node));
  if (hips === undefined) return false;
  const top = neck >= 0 ? neck : head >= 0 ? head : found.left_collar ?? found.left_shoulder;
  const up = ancestors(nodes, top), spine = up.slice(0, Math.max(0, up.indexOf(hips))).reverse();
  if (!up.includes(hips)) return false;
  found.pelvis = hips;
  const rows = { 0: [], 1: [["spine2", 0]], 2: [["spine1", 0], ["spine3", 1]] }[spine.length]
    ?? [["spine1", 0], ["spine2", 1], ["spine3", spine.length - 1]];
  for (const [joint, index] of rows) found[joint] = spine[index];
  if (neck >= 0) found.neck = neck;
  if (head >= 0 && head !== neck) found.head = head;
  return true;
}
